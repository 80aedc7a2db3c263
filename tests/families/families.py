"""All families by name."""

from __future__ import annotations

from tests.families.builtin_layers import LAYERS
from tests.families.family import Family
from tests.families.published_kokoro import KOKORO
from tests.families.recurrent_and_attention import ATTENTION, RECURRENT
from tests.families.speech import SPEECH
from tests.families.vision_and_text import TEXT, VISION

GROUPS: dict[str, dict[str, Family]] = {
    "speech": SPEECH,
    "kokoro": KOKORO,
    "vision": VISION,
    "text": TEXT,
    "recurrent": RECURRENT,
    "attention": ATTENTION,
    "layers": LAYERS,
}
FAMILIES: dict[str, Family] = {name: one for group in GROUPS.values() for name, one in group.items()}
