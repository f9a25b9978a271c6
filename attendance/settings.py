"""One frozen Settings, built once in a door and passed down; the only reader of the environment.

Deployment values come from ``ATTEND_*`` variables (or a ``.env`` file), experiment values from ``params.yaml``.
docs/settings.md lists every one; a test holds it to this file.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from attendance.errors import SettingsError

PREFIX = "ATTEND_"
DEFAULT_TRACKING_URI = "sqlite:///mlflow.db"


def _default_model_dir() -> Path:
    """Models are the same for every clone and user of an account, so they live in the account's cache (XDG)."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "attend" / "models"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RecognitionParams(_Frozen):
    """How a face becomes an embedding; see domain.model.RecognitionOptions."""

    min_confidence: float = Field(0.90, ge=0, le=1)
    margin_ratio: float = Field(0.20, ge=0, lt=0.9)
    use_alignment: bool = True
    use_prewhitening: bool = False
    use_tta_flip: bool = True
    min_face_size: int = Field(60, ge=20, le=1000)
    fallback_face_size: int = Field(20, ge=20, le=1000)


class ThresholdParams(_Frozen):
    """The verification threshold of each family of models, L2 distance."""

    facenet: float = Field(0.70, gt=0, le=2)
    dlib: float = Field(0.53, gt=0, le=2)


class PolicyParams(_Frozen):
    """What is decided around a comparison."""

    cooldown_s: float = Field(60.0, ge=0, le=86_400)
    ambiguity_ratio: float = Field(0.05, ge=0, le=1)
    look_alike_ratio: float = Field(1.1, ge=0, le=2)
    agreeing_frames: int = Field(3, ge=3, le=5)
    kiosk_mode: Literal["face", "name"] = "face"


class Params(_Frozen):
    """The whole of params.yaml."""

    recognition: RecognitionParams = RecognitionParams()
    thresholds: ThresholdParams = ThresholdParams()
    policy: PolicyParams = PolicyParams()


class Settings(BaseSettings):
    """Deployment values, and the experiment's values as ``params``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    store_url: SecretStr = Field(
        SecretStr("sqlite:///data/attendance.db"),
        description="Where people and records are kept: a `sqlite:///` or `mongodb://` URL.",
    )
    embedder: Literal["auto", "facenet", "dlib"] = Field(
        "auto",
        description="Which network makes the embeddings. `auto` keeps the one that the stored templates were made with; "
        "before the first enrolment it takes FaceNet where its weights are there or can be downloaded, else dlib's ResNet.",
    )
    runtime: Literal["auto", "onnxruntime", "openvino", "facenet-pytorch"] = Field(
        "auto",
        description="What computes the networks. `auto` is ONNX Runtime; `openvino` uses bf16 where the processor has it; "
        "`facenet-pytorch` is the slow reference for comparisons (FaceNet only).",
    )
    model_dir: Path = Field(
        default_factory=_default_model_dir, description="Where downloaded and converted models are kept."
    )
    facenet_weights: Path | None = Field(None, description="FaceNet's weights file, where it is already on this machine.")
    offline: bool = Field(False, description="Never try to download anything.")
    threads: int = Field(2, ge=1, le=64, description="Threads for one recognition.")
    accelerate: bool = Field(True, description="Use the compiled detector once it is warm; off: ONNX Runtime only.")
    max_image_bytes: int = Field(
        20_000_000, ge=1_000, description="Pictures with more bytes are refused before they are decoded."
    )
    max_image_pixels: int = Field(
        64_000_000, ge=10_000, description="Pictures with more pixels are refused before they are decoded."
    )
    site: str = Field("main", description="The name of this place, stored with every record.")
    timezone: str = Field("", description="The site's IANA time zone, such as `Europe/Stockholm`; empty: the machine's own.")
    store_timeout_s: float = Field(
        2.5, gt=0, le=60, description="Seconds that a database call may take before the store counts as away."
    )
    keep_attempt_pictures: bool = Field(
        False, description="Store the picture of every attempt; off: no picture of an attempt is kept."
    )
    workers: int = Field(
        2, ge=1, le=64, description="Recognitions that the server works on at the same time, each with one thread."
    )
    kiosk_access: Literal["auto", "open", "paired"] = Field(
        "auto",
        description="Who may check in: `open` is everybody who reaches the page, `paired` only screens that an operator "
        "paired. `auto` is open where the server listens on this machine alone, else paired.",
    )
    operators: str = Field(
        "", description="E-mail addresses, separated by commas, that may sign in through the site's own provider (OIDC)."
    )
    session_idle_minutes: float = Field(30.0, gt=0, le=1_440, description="A signed-in session ends after this pause.")
    session_hours: float = Field(12.0, gt=0, le=168, description="A signed-in session ends after this time in any case.")
    public_url: str = Field(
        "", description="The address that people open, for the links that are printed; empty: this machine's own."
    )
    open_browser: bool = Field(True, description="Open the app in a browser when it starts on a desktop.")
    versions_author: str = Field("Attend <attend@localhost>", description="Who makes the commits of versions.")
    versions_branch: str = Field("", description="The branch that takes the versions; empty: the one that is checked out.")
    versions_git_remote: str = Field(
        "", description="The git remote that versions are pushed to; empty: `origin` where there is one; `none`: nowhere."
    )
    versions_dvc_remote: str = Field("", description="The DVC remote of the data; empty: the default of `.dvc/config`.")
    versions_measure: bool = Field(True, description="Check the pictures and measure error rates with each new version.")
    model: str = Field(
        "",
        description="A registered recogniser, such as `models:/face-recogniser@champion`: model files, options and the "
        "threshold come from there rather than from this machine. Or a folder that `models --keep` made. Empty: neither.",
    )
    model_keep_dir: Path | None = Field(
        None,
        description="Where the last good copy of `ATTEND_MODEL` is kept; without it, `registry` in `ATTEND_MODEL_DIR`.",
    )
    tracking: bool = Field(
        False, description="Track attempts in MLflow, until an operator switches it in the sidebar of the check-in page."
    )
    tracking_experiment: str = Field("face-attendance", min_length=1, description="The MLflow experiment of the attempts.")
    tracking_pseudonyms: bool = Field(
        False, description="Track a pseudonym instead of the name of who was recognised, made with a key of this database."
    )
    tracking_jobs: bool = Field(False, description="Make an MLflow run of each export, restore and validation.")
    params_file: Path = Field(Path("params.yaml"), description="The file with the experiment's values.")
    params: Params = Params()

    @field_validator("model")
    @classmethod
    def _registered_model(cls, value: str) -> str:
        folder = "/" in value and not value.startswith("models:")
        if value and not folder and not re.fullmatch(r"models:/[^/@]+(@[^/@]+|/[1-9]\d*)", value):
            raise ValueError(f"{value!r} is not like models:/face-recogniser@champion or models:/face-recogniser/3")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise ValueError(f"{value!r} is no IANA time zone, such as Europe/Stockholm") from None
        return value


def environment() -> dict[str, str]:
    """This process's variables, for a program that it starts."""
    return dict(os.environ)


class _Tracking(BaseSettings):
    """MLflow's own variable, under its own name."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True, frozen=True)

    mlflow_tracking_uri: str = DEFAULT_TRACKING_URI


def tracking_uri() -> str:
    """Where runs are tracked: ``MLFLOW_TRACKING_URI`` of the environment or ``.env``, else ``sqlite:///mlflow.db``.

    Raises:
        SettingsError: ``.env`` cannot be read.
    """
    try:
        return _Tracking().mlflow_tracking_uri
    except (OSError, ValueError) as error:
        raise SettingsError(f".env cannot be read: {error}", name="MLFLOW_TRACKING_URI") from error


def load(**overrides: Any) -> Settings:
    """Read the environment, ``.env`` and params.yaml; ``overrides`` win.

    Raises:
        SettingsError: a value cannot be used; the message names the setting and never repeats a secret.
    """
    try:
        settings = Settings(**overrides)
        if "params" in overrides or not settings.params_file.exists():
            return settings
        values = yaml.safe_load(settings.params_file.read_text(encoding="utf-8")) or {}
        known = {key: values[key] for key in Params.model_fields if key in values}
        return settings.model_copy(update={"params": Params.model_validate(known)})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        name = where if "." in where else PREFIX + where.upper()
        raise SettingsError(f"{name}: {first['msg']}", name=name) from None
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"params.yaml cannot be read: {error}", name="params.yaml") from error
