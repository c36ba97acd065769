"""A chat over your documents whose every citation opens the page with the cited lines highlighted; the app to copy."""

import os

# Before NumPy loads: its threads wait for each other by spinning. On a busy machine that costs tenfold, and the small
# products of one question gain nothing on an idle one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
