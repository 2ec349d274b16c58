"""The page of `clearbg demo`: cut-outs in a browser, and the same as an API."""
