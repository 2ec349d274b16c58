"""Whether recent images still look like those that a model was trained on.

statistics says what an image is like, log writes that down while images are cut out, samples
brings both sides together, comparison judges, report and page tell a person or a program.
"""
