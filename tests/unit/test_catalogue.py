"""Model ids, which network is chosen and why, and the list of models."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.domain.model import RecognitionOptions
from attendance.errors import SettingsError, WeightsUnavailableError
from attendance.faces import dlib_convert, weights
from attendance.faces.catalogue import NETWORKS, Catalogue, family_of, model_id
from attendance.faces.files import write_whole
from attendance.faces.published import Published

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BODY = b"weights"
THRESHOLDS = {"facenet": 0.70, "dlib": 0.54}
WHITE = RecognitionOptions(use_prewhitening=True)


def published(body: bytes = BODY) -> Published:
    # The reserved name "invalid" never resolves (RFC 2606), and no test here lets it be looked up.
    return Published(
        "facenet", "FaceNet", "net.pt", "https://publisher.invalid/net.pt", len(body), hashlib.sha256(body).hexdigest()
    )


@pytest.fixture
def catalogue(tmp_path: Path) -> Callable[..., Catalogue]:
    def make(**options: Any) -> Catalogue:
        options = {"offline": True, "thresholds": THRESHOLDS, "published": published(), **options}
        return Catalogue(tmp_path / "models", **options)

    return make


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for the publisher: "up", "down"; each request is appended."""
    told: list[str] = ["up"]
    real = weights.fetch

    def answer(request: httpx.Request) -> httpx.Response:
        told.append(str(request.url))
        if told[0] == "down":
            raise httpx.ConnectError("no route to host")
        return httpx.Response(200, stream=httpx.ByteStream(BODY))

    def fetch(folder: Path, what: Published, **options: Any) -> Path:
        return real(folder, what, transport=httpx.MockTransport(answer), **options)

    monkeypatch.setattr(weights, "fetch", fetch)
    return told


@pytest.mark.parametrize(
    ("family", "options", "expected"),
    [
        ("dlib", RecognitionOptions(), "dlib-resnet-v1/align-m20-flip"),
        ("facenet", RecognitionOptions(), "facenet-20180402-vggface2/align-m20-flip"),
        ("dlib", RecognitionOptions(use_alignment=False, use_tta_flip=False), "dlib-resnet-v1/box-m20"),
        ("dlib", WHITE, "dlib-resnet-v1/align-m20-flip-white"),
        ("dlib", RecognitionOptions(margin_ratio=0.29), "dlib-resnet-v1/align-m29-flip"),
        ("dlib", RecognitionOptions(margin_ratio=0.125), "dlib-resnet-v1/align-m12_5-flip"),
        ("dlib", RecognitionOptions(margin_ratio=0.0), "dlib-resnet-v1/align-m0-flip"),
        ("dlib", RecognitionOptions(min_confidence=0.5, min_face_size=20), "dlib-resnet-v1/align-m20-flip"),
    ],
)
def test_a_model_id_names_what_changes_the_numbers(family: str, options: RecognitionOptions, expected: str) -> None:
    assert model_id(family, options) == expected


options_of_embedders = st.builds(
    RecognitionOptions,
    margin_ratio=st.integers(0, 899).map(lambda permille: permille / 1000),
    use_alignment=st.booleans(),
    use_prewhitening=st.booleans(),
    use_tta_flip=st.booleans(),
)


@given(st.sampled_from(sorted(NETWORKS)), options_of_embedders, options_of_embedders)
def test_other_options_have_another_model_id(family: str, a: RecognitionOptions, b: RecognitionOptions) -> None:
    assert (model_id(family, a) == model_id(family, b)) == (a == b)
    assert family_of(model_id(family, a)) == family
    assert "." not in model_id(family, a)


def test_a_model_id_of_somebody_else_has_no_family() -> None:
    assert family_of("arcface-r50/x") is None
    assert family_of("") is None
    assert family_of("dlib-resnet-v10/align") is None


def test_the_settings_decide_first(catalogue: Callable[..., Catalogue]) -> None:
    here = catalogue()
    assert here.choose_family("facenet", "dlib-resnet-v1/align-m20-flip") == "facenet"
    assert here.why == "FaceNet, because the settings ask for it (ATTEND_EMBEDDER)."
    assert here.choose_family("dlib", None) == "dlib"


def test_auto_keeps_the_family_of_the_stored_templates(catalogue: Callable[..., Catalogue], network: list[str]) -> None:
    here = catalogue(offline=False)
    assert here.choose_family("auto", "dlib-resnet-v1/box-m10") == "dlib"
    assert "the stored templates were made with it" in here.why
    assert here.choose_family("auto", "facenet-20180402-vggface2/align-m20-flip") == "facenet"
    assert network == ["up"]


def test_auto_downloads_facenet_before_the_first_enrolment(catalogue: Callable[..., Catalogue], network: list[str]) -> None:
    here = catalogue(offline=False)
    seen: list[tuple[int, int]] = []
    assert not here.facenet_ready()
    assert here.choose_family("auto", None, progress=lambda *step: seen.append(step)) == "facenet"
    assert here.why == "FaceNet, because its weights were downloaded from their publisher."
    assert seen[-1] == (len(BODY), len(BODY))
    assert here.facenet_ready()
    again = catalogue()
    assert again.choose_family("auto", None) == "facenet"
    assert again.why == "FaceNet, because its weights are on this machine."
    assert len(network) == 2


def test_auto_takes_dlib_where_facenet_cannot_be_had_and_asks_once(
    catalogue: Callable[..., Catalogue], network: list[str]
) -> None:
    network[0] = "down"
    here = catalogue(offline=False)
    assert here.choose_family("auto", None) == "dlib"
    assert here.why.startswith("dlib's ResNet, because FaceNet's weights are not on this machine. ")
    assert here.why.endswith("could not be downloaded from publisher.invalid: it cannot be reached from this machine.")
    assert here.choose_family("auto", "arcface-r50/x") == "dlib"
    assert len(network) == 2


def test_auto_takes_dlib_without_downloads(catalogue: Callable[..., Catalogue]) -> None:
    here = catalogue()
    assert here.choose_family("auto", None) == "dlib"
    assert here.why == "dlib's ResNet, because FaceNet's weights are not on this machine."


def test_given_weights_are_taken_if_they_are_the_published_ones(catalogue: Callable[..., Catalogue], tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    here = catalogue(facenet_weights=path)
    with pytest.raises(WeightsUnavailableError) as caught:
        here.choose_family("auto", None)
    assert caught.value.reason == "missing"
    path.write_bytes(b"others")
    with pytest.raises(WeightsUnavailableError) as caught:
        here.choose_family("auto", None)
    assert caught.value.reason == "checksum"
    with pytest.raises(WeightsUnavailableError):
        here.embedder("facenet", WHITE)
    path.write_bytes(BODY)
    assert here.choose_family("auto", None) == "facenet"
    assert here.fetch_facenet() == path


def test_facenet_without_weights_is_refused(catalogue: Callable[..., Catalogue]) -> None:
    with pytest.raises(WeightsUnavailableError) as caught:
        catalogue().embedder("facenet", WHITE)
    assert (caught.value.reason, caught.value.model) == ("missing", "facenet")


def test_the_reference_runtime_is_for_facenet_alone(catalogue: Callable[..., Catalogue]) -> None:
    here = catalogue(runtime="facenet-pytorch")
    assert here.runtime == "facenet-pytorch"
    assert here.choose_family("auto", None) == "facenet"
    with pytest.raises(SettingsError) as caught:
        here.embedder("dlib", WHITE)
    assert caught.value.name == "ATTEND_RUNTIME"


def test_bf16_that_does_not_run_is_said(catalogue: Callable[..., Catalogue], monkeypatch: pytest.MonkeyPatch) -> None:
    from attendance.faces import catalogue as module

    monkeypatch.setattr(module, "bf16_available", lambda: False)
    here = catalogue(runtime="openvino")
    assert here.runtime == "onnxruntime"
    assert "bf16 does not run" in here.info("dlib", WHITE).source
    here.choose_family("dlib", None)
    assert "bf16 does not run" in here.why
    monkeypatch.setattr(module, "bf16_available", lambda: True)
    assert catalogue(runtime="openvino").info("dlib", WHITE).runtime == "openvino-bf16"


def test_a_model_carries_its_threshold_and_where_it_came_from(catalogue: Callable[..., Catalogue], tmp_path: Path) -> None:
    info = catalogue().info("dlib", WHITE)
    assert (info.threshold, info.dimension, info.family) == (0.54, 128, "dlib")
    assert "face-recognition-models" in info.source
    info = catalogue(facenet_weights=tmp_path / "mine.pt").info("facenet", WHITE)
    assert (info.threshold, info.dimension, info.runtime) == (0.70, 512, "onnxruntime")
    assert "mine.pt" in info.source


def test_the_list_of_models(catalogue: Callable[..., Catalogue], tmp_path: Path) -> None:
    facenet, dlib, mtcnn = catalogue(offline=False).entries(RecognitionOptions())
    assert (facenet.family, facenet.state, facenet.size_bytes) == ("facenet", "downloadable", len(BODY))
    assert facenet.model_id == "facenet-20180402-vggface2/align-m20-flip"
    assert "publisher.invalid" in facenet.source
    assert (dlib.family, dlib.state) == ("dlib", "ready")
    assert dlib.path is not None
    assert dlib.path.is_file()
    assert (mtcnn.family, mtcnn.state, mtcnn.model_id) == ("mtcnn", "ready", "")
    assert catalogue().entries(WHITE)[0].state == "missing"
    wrong = tmp_path / "wrong.pt"
    wrong.write_bytes(b"x")
    entry = catalogue(facenet_weights=wrong, offline=False).entries(WHITE)[0]
    assert (entry.state, entry.path) == ("missing", wrong)
    (tmp_path / "models").mkdir()
    write_whole(tmp_path / "models" / "net.pt", BODY)
    assert catalogue().entries(WHITE)[0].state == "ready"


def test_dlib_embeds_through_the_catalogue(catalogue: Callable[..., Catalogue]) -> None:
    embedder = catalogue().embedder("dlib", WHITE)
    assert embedder.model.model_id == "dlib-resnet-v1/align-m20-flip-white"


def test_a_converted_network_needs_its_package_no_more(
    catalogue: Callable[..., Catalogue], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the container image."""
    dlib_convert.ensure_dlib(tmp_path / "models")
    monkeypatch.setattr(dlib_convert, "PACKAGE", "a-package-that-is-not-there")
    entry = catalogue().entries(WHITE)[1]
    assert (entry.state, entry.path) == ("ready", tmp_path / "models" / "dlib-resnet-v1-1.onnx")
    (tmp_path / "models" / "dlib-resnet-v1-1.onnx").write_bytes(b"damaged")
    entry = catalogue().entries(WHITE)[1]
    assert (entry.state, entry.path) == ("missing", None)
    assert "a-package-that-is-not-there is not installed" in entry.source
