"""A comparison in tasks that other processes do, on this machine or elsewhere, and what they find, which adds up.

`pieces` divides a log, `question_text` is how a question travels, `task` does one, `partial` and `places` add up.
"""
