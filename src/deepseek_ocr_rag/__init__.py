"""Documents read by DeepSeek-OCR, or offline, into chunks that can be cited to the exact lines on the page."""
