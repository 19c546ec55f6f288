"""Characters that a reviewer does not see, or sees somewhere else than they are (language page, section 1)."""

from __future__ import annotations

import re

# C0 and C1 controls other than tab and line feed, format characters (bidirectional controls, zero-width characters,
# tags), line separators, letters without a shape, variation selectors, and code points that are no characters.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
