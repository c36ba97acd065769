"""Documents read by DeepSeek-OCR, or offline, into chunks that can be cited to the exact lines on the page.

Names are listed in the stub beside this file and imported when they are first used: worker processes, which import this
package too, need few of them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
