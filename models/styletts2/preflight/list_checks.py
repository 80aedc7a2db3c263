"""Checks of the lists' lines and of the texts: what the loader raises, and what the text encoders refuse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from shapecheck.preflight import Affected, Finding, Moment, Severity

from . import symbols
from .clips import Clip, ClipSet
from .fates import Refusal
from .lists import Line
from .run import Run, affected, counted

_TEXT_MODULES = ("bert", "text_encoder", "predictor")

_LINES = {
    "blank": ("list-blank-line", "blank", "Delete the line."),
    "fields": ("list-fields", "not the three fields path|text|speaker", "Write path|text|speaker, one | each."),
    "speaker": ("list-speaker-not-a-number", "a speaker that is no number", "Number the speakers: 0, 1, 2."),
    "mark": ("list-byte-order-mark", "a byte order mark before the path", "Save the list as UTF-8 without it."),
    "path": ("list-no-path", "no path", "Write path|text|speaker, or delete the line."),
    "reference": (
        "list-speaker-not-found",
        "no speaker that another line has, as Python writes the number (not 001, no space before it; 0 if left out)",
        "Write the speaker as a plain number, in the third field of every line.",
    ),
}


def list_findings(run: Run) -> Iterator[Finding]:
    for clips, is_training in ((run.train, True), (run.val, False)):
        if clips is not None:
            yield from _lines(clips, is_training)
            yield from _texts(run, clips, is_training)
            yield from _duplicates(clips)
    yield from _overlap(run)
    yield from _out_of_distribution(run)


def when_loaded(is_training: bool) -> Moment:
    """When the loader comes to every line of a list; what it raises ends the run in each."""
    return Moment.EPOCH_1 if is_training else Moment.END_OF_EPOCH_1


def _lines(clips: ClipSet, is_training: bool) -> Iterator[Finding]:
    for kind, (identity, what, remedy) in _LINES.items():
        found = [clip for clip in clips.clips if clip.line.kind == kind]
        if found:
            yield Finding(
                identity,
                Severity.FATAL,
                when_loaded(is_training),
                len(found),
                f"{_of_list(len(found), 'line', clips)}: {what}: {found[0].line.refusal}.",
                remedy,
                affected(clips, found),
            )
    lossy = [clip for clip in clips.clips if clip.line.is_lossy]
    if lossy:
        yield Finding(
            "list-not-utf-8",
            Severity.DEGRADE,
            when_loaded(is_training),
            len(lossy),
            f"{_of_list(len(lossy), 'line', clips)}: bytes that are no UTF-8, which the loader leaves out without a"
            " word: letters of the path or of the text are missing.",
            "Save the list as UTF-8.",
            affected(clips, lossy),
        )


def _texts(run: Run, clips: ClipSet, is_training: bool) -> Iterator[Finding]:
    taken = [clip for clip in clips.clips if not clip.line.refusal]

    def finding(
        identity: str, severity: Severity, found: list[Clip], message: str, remedy: str, when: Moment | None = None
    ) -> Finding:
        when = when or when_loaded(is_training)
        return Finding(identity, severity, when, len(found), message, remedy, _with_tokens(clips, found))

    silent = [clip for clip in taken if not clip.line.numbers]
    if silent:
        is_fatal = is_training and run.stage.trains_prosody  # the loss of the durations, a mean over no token
        what = "the loss becomes NaN, and the script opens a debugger: the job hangs"
        if not run.stage.trains_prosody:
            what = "the decoder is trained on speech without a text" if is_training else "the loss says little"
        elif not is_training:
            what = "its loss is NaN"
        yield finding(
            "text-without-symbols",
            Severity.FATAL if is_fatal else Severity.DEGRADE,
            silent,
            f"{_of_list(len(silent), 'text', clips)}: no symbol that the scripts know: {what}.",
            "Write the texts in phonemes (IPA), or leave the lines out.",
        )
    strange = [clip for clip in taken if clip.line.numbers and symbols.unknown(clip.line.text)]
    if strange:
        seen = Counter(symbol for clip in strange for symbol in symbols.unknown(clip.line.text))
        most = ", ".join(repr(symbol) for symbol, _ in seen.most_common(8))
        yield finding(
            "text-unknown-symbols",
            Severity.DEGRADE,
            strange,
            f"{_of_list(len(strange), 'text', clips)}: symbols that the scripts leave out, such as {most}.",
            "Phonemize the texts with the symbols of text_utils.py, or extend all vocabularies.",
            Moment.EPOCH_1,
        )
    refused = [(clip, refusal) for clip in taken if (refusal := text_refusal(run, clip.line)) is not None]
    if refused:
        worst = max((refusal for _, refusal in refused), key=lambda refusal: refusal.length)
        fatal = is_training or not run.stage.passes_over_errors
        yield finding(
            "text-too-long",
            Severity.FATAL if fatal else Severity.DROP,
            [clip for clip, _ in refused],
            f"{_of_list(len(refused), 'text', clips)}: too many tokens, known symbols and one at each end"
            f" ({worst.length} at most): {worst.text}: {worst.error}."
            + ("" if fatal else " The script swallows it, and the validation batch is lost."),
            "Split the clips, or leave them out.",
        )
    measured = [clip for clip in taken if clip.has_length]
    crowded = [clip for clip in measured if clip.line.tokens > clip.mel_frames // 2]
    if crowded:
        yield finding(
            "text-longer-than-clip",
            Severity.DEGRADE,
            crowded,
            f"{_of_list(len(crowded), 'text', clips)}: more tokens than the clip has frames for the aligner, half its"
            " mel frames: no alignment gives every token a frame, and no error says so.",
            "Check that the text belongs to the clip; leave the clip out.",
            Moment.EPOCH_1,
        )
    longest = run.config.model_params.max_dur
    if run.stage.trains_prosody and is_training:
        slow = [clip for clip in measured if clip.line.numbers and clip.mel_frames // 2 > longest * clip.line.tokens]
        if slow:
            yield finding(
                "token-too-long",
                Severity.DEGRADE,
                slow,
                f"{_of_list(len(slow), 'clip', clips)}: more than max_dur {longest} half frames for each of its tokens:"
                " some token is longer, and its target is cut without a word.",
                "Check that the text belongs to the clip; cut long silences; raise max_dur only without a checkpoint.",
                Moment.EPOCH_1,
            )


def text_refusal(run: Run, line: Line) -> Refusal | None:
    """Of the module that refuses so many tokens."""
    return _refusal_of_tokens(run, line.tokens)


def _refusal_of_tokens(run: Run, tokens: int) -> Refusal | None:
    modules = _TEXT_MODULES if run.stage.trains_prosody else ("text_encoder",)
    found = (run.fates.refusal(name, tokens) for name in modules)
    return next((refusal for refusal in found if refusal is not None), None)


def _duplicates(clips: ClipSet) -> Iterator[Finding]:
    times = Counter(clip.line.path for clip in clips.clips if clip.line.path)
    found = [clip for clip in clips.clips if times[clip.line.path] > 1]
    if found:
        yield Finding(
            "clip-listed-twice",
            Severity.INFO,
            Moment.IMPORT,
            len(found),
            f"{_of_list(len(found), 'line', clips)}: another line names the same clip.",
            "Leave one line for each clip, if that is not meant.",
            affected(clips, found),
        )


def _overlap(run: Run) -> Iterator[Finding]:
    if run.train is None or run.val is None:
        return
    trained = {clip.line.path for clip in run.train.clips if clip.line.path}
    found = [clip for clip in run.val.clips if clip.line.path in trained]
    if found:
        yield Finding(
            "clip-in-both-lists",
            Severity.DEGRADE,
            Moment.END_OF_EPOCH_1,
            len(found),
            f"{_of_list(len(found), 'clip', run.val)}: in the training list, too. The validation loss says nothing of"
            " new speech there.",
            "Take them out of one of the lists.",
            affected(run.val, found),
        )


def _out_of_distribution(run: Run) -> Iterator[Finding]:
    texts = run.texts
    if texts is None:
        return
    place = (Affected(texts.name),)
    if texts.refusal:
        yield Finding(
            "ood-unreadable",
            Severity.FATAL,
            Moment.IMPORT,
            1,
            f"{texts.name}, OOD_data: {texts.refusal}.",
            "A text a line, or path|text|speaker on every line, in UTF-8.",
            place,
        )
        return
    if texts.shortage:
        yield Finding(
            "ood-no-text",
            Severity.FATAL,
            Moment.FIRST_STEP,
            1,
            f"{texts.name}, OOD_data: drawing a text for the first clip: {texts.shortage}.",
            "Take the public OOD_texts.txt, or lower data_params.min_length.",
            place,
        )
    if not run.reaches_joint_training:
        return
    refused = [
        (Affected(texts.name, line=number, numbers={"tokens": tokens}), refusal)
        for number, text in texts.texts
        if (refusal := _refusal_of_tokens(run, tokens := len(symbols.tokens(text)) + symbols.ENDS)) is not None
    ]
    if refused:
        worst = max((refusal for _, refusal in refused), key=lambda refusal: refusal.length)
        share = 1 - (1 - len(refused) / len(texts.texts)) ** run.batch_size
        yield Finding(
            "ood-text-too-long",
            Severity.FATAL,
            Moment.JOINT_EPOCH,
            len(refused),
            f"{counted(len(refused), 'text')} of {texts.name}: too many tokens ({worst.length} at most). They are first"
            f" read at joint_epoch {run.config.training.joint_epoch}, in every second batch, where {100 * share:.2g}"
            f" % of the batches have one: {worst.text}: {worst.error}.",
            "Leave the lines out.",
            tuple(place for place, _ in refused),
        )


def _with_tokens(clips: ClipSet, found: list[Clip]) -> tuple[Affected, ...]:
    return tuple(
        Affected(entry.file, entry.listed, entry.line, {**entry.numbers, "tokens": clip.line.tokens})
        for entry, clip in zip(affected(clips, found), found, strict=True)
    )


def _of_list(count: int, noun: str, clips: ClipSet) -> str:
    return f"{counted(count, noun)} of {clips.listed.name}"
