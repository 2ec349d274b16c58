"""The page of `clearbg demo`: cutouts in a browser, and the same as an API."""
