"""The symbols that the public scripts know, in the order of their numbers, and a text as the numbers of its tokens.

Source: yl4579/StyleTTS2, text_utils.py and meldataset.py (TextCleaner).
"""

from __future__ import annotations

PAD = "$"
_PUNCTUATION = ';:,.!?¡¿—…"«»“” '
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PHONEMES = (
    "ɑɐɒæɓʙβɔɕçɗɖðʤəɘɚɛɜɝɞɟʄɡɠɢʛɦɧħɥʜɨɪʝɭɬɫɮʟɱɯɰŋɳɲɴøɵɸθœɶʘɹɺɾɻʀʁɽʂʃʈʧʉʊʋⱱʌɣɤʍχʎʏʑʐʒʔʡʕʢǀǁǂǃˈˌːˑʼʴʰʱʲʷˠˤ˞↓↑→↗↘'̩'ᵻ"
)

SYMBOLS = PAD + _PUNCTUATION + _LETTERS + _PHONEMES
NUMBERS = {symbol: number for number, symbol in enumerate(SYMBOLS)}  # of one that is listed twice, the last
ENDS = 2  # padding tokens that are put before and after each text


def tokens(text: str) -> tuple[int, ...]:
    """The numbers of the known symbols of a text; the others are left out, as the scripts do."""
    return tuple(NUMBERS[symbol] for symbol in text if symbol in NUMBERS)


def unknown(text: str) -> str:
    """The symbols that the scripts leave out, each once, in order of appearance."""
    return "".join(dict.fromkeys(symbol for symbol in text if symbol not in NUMBERS))
