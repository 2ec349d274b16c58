"""Whether recent pictures still look like those that a model was trained on.

statistics says what a picture is like, log writes that down while pictures are cut out, samples
brings both sides together, comparison judges, report and page tell a person or a program.
"""
