"""Notices as JUnit XML: a test for each component and for each finding; errors fail, what is undecided is skipped."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from shapecheck.render.notices import RULES, Level, Notice

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def suites(title: str, found: Sequence[Notice]) -> str:
    """The whole document, ending with a newline; `title` names the suite."""
    root = ET.Element("testsuites", name="shapecheck")
    suite = ET.SubElement(root, "testsuite", name=_clean(title))
    for notice in found:
        classname = "shapecheck.limits" if notice.rule in RULES else f"shapecheck.preflight.{notice.rule}"
        name = notice.subject if notice.rule in RULES else f"{notice.rule} ({notice.subject})"
        case = ET.SubElement(suite, "testcase", classname=_clean(classname), name=_clean(name), time="0")
        if notice.file:
            case.set("file", _clean(notice.file))
        if notice.line is not None:
            case.set("line", str(notice.line))
        if notice.level is Level.ERROR:
            failure = ET.SubElement(case, "failure", type=notice.rule, message=_clean(notice.message))
            failure.text = _clean(notice.text)
        elif notice.level is Level.WARNING and notice.rule in RULES:
            ET.SubElement(case, "skipped", message=_clean(notice.message))
        else:
            ET.SubElement(case, "system-out").text = _clean(notice.text)
    for element in (root, suite):
        element.set("tests", str(len(found)))
        element.set("failures", str(len(list(suite.iter("failure")))))
        element.set("skipped", str(len(list(suite.iter("skipped")))))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)


__all__ = ["suites"]
