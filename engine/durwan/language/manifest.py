"""The manifest of a policy set, `policy.yaml`: its name, its limits, and where its other files lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from durwan.diagnostics import Diagnostic, Source, Span
from durwan.diagnostics.yaml_document import Document, read_yaml
from durwan.language.mistakes import files as mistakes
from durwan.language.policy_set import PolicySet
from durwan.language.set_files import FILE_CEILING, SET_CEILING, PolicySetError, check_path
from durwan.language.source_text import TextLimits
from durwan.language.suggestions import Suggestions
from durwan.model.calendar import Calendar, parse_calendar
