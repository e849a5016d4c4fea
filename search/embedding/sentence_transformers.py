"""Any sentence-transformers model, by Hub id or folder, on a GPU where there is one."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from search.domain import Vector
from search.embedding import Progress
from search.embedding.bundled.batching import batches
from search.embedding.prompts import prompts_of
from search.errors import EmbedderError, FihrisError, SettingsError

if TYPE_CHECKING:
    from search.settings import Settings

Model: TypeAlias = Any  # sentence_transformers.SentenceTransformer, which is an extra
Tokenizer: TypeAlias = Any  # a transformers or a tokenizers tokenizer

INSTALL = "pip install 'fihris[sentence-transformers]'"
# Memory grows with a text's length times itself: longer readers are held to this.
_MOST_TOKENS = 8_192
_UNKNOWN_LENGTH = 512  # for models that do not say how much they read
_CHARACTERS_A_TOKEN = 64  # more text than this a token is not looked at
# Tokens in a batch, padding included; a GPU needs more to be busy.
_BATCH_TOKENS = {"cpu": 1_024}
_BATCH_TOKENS_GPU = 16_384
_SURROGATES = re.compile("[\ud800-\udfff]")


def open_embedder(argument: str, settings: Settings) -> SentenceTransformersEmbedder:
    """Return the model of a Hub id or folder, as `search.embedding.open_embedder`."""
    if not argument:
        raise SettingsError("FIHRIS_MODEL: say `sentence-transformers:` and a Hub id or a folder")
    return SentenceTransformersEmbedder(
        argument,
        query_prompt=settings.query_prompt,
        passage_prompt=settings.passage_prompt,
        threads=settings.threads,
    )


class SentenceTransformersEmbedder:
    """A sentence-transformers model behind the Embedder protocol.

    Prompts are, in this order: those given, those the model's configuration
    names `query` and `passage` (or `document`), those E5 was trained with, none.
    Lone surrogates are read as U+FFFD. Calls from many threads take turns, a
    batch at a time, as the library's tokenizers demand.

    Args:
        model: Hub id or folder.
        query_prompt: prefix of queries; the model's own if None.
        passage_prompt: prefix of passages; the model's own if None.
        threads: on the CPU; 0: as many as there are cores.
        device: `cpu`, `cuda`, `mps`...; None: the best there is.

    Raises:
        EmbedderError: the extra is not installed, or the model cannot be loaded.
    """

    def __init__(
        self,
        model: str,
        *,
        query_prompt: str | None = None,
        passage_prompt: str | None = None,
        threads: int = 0,
        device: str | None = None,
    ) -> None:
        self.name = model
        self._lock = threading.Lock()
        self._model: Model = load_model(
            "SentenceTransformer", model, device, threads, EmbedderError
        ).eval()
        self._query_prompt, self._passage_prompt = prompts_of(
            model, dict(self._model.prompts or {}), query_prompt, passage_prompt
        )
        self._most_ids = min(self._model.max_seq_length or _UNKNOWN_LENGTH, _MOST_TOKENS)
        self._model.max_seq_length = self._most_ids
        query, passage = self._count([self._query_prompt, self._passage_prompt], special=True)
        self.max_tokens = self._most_ids - passage
        if max(query, passage) >= self._most_ids:
            raise EmbedderError(
                f"{model}: its prompt leaves no room in the {self._most_ids} tokens it reads; "
                "shorten FIHRIS_QUERY_PROMPT and FIHRIS_PASSAGE_PROMPT"
            )
        self._batch_tokens = _BATCH_TOKENS.get(self.device, _BATCH_TOKENS_GPU)
        self.dimensions = int(self._encode([""], query=True).shape[1])
        self.content_hash = _content_hash(
            self._model, self._query_prompt, self._passage_prompt, self._most_ids
        )

    @property
    def device(self) -> str:
        """Where it runs: `cpu`, `cuda`, `mps`..."""
        return str(self._model.device.type)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return each text's tokens, without prompt and special tokens."""
        return self._count([_clean(text) for text in texts], special=False)

    def most_tokens(self, text: str) -> int:
        """Return the text's tokens: what tokenizers make at most differs from one to the next."""
        return self.count_tokens([text])[0]

    def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
        """Return shape (len(texts), dimensions), in the order of `texts`.

        Args:
            texts: passages; of one over `max_tokens` the end is not read.
            progress: called after each batch with how many more texts are done.

        Raises:
            EmbedderError: the library failed.
        """
        return self._embed(texts, query=False, progress=progress)

    def embed_query(self, text: str) -> Vector:
        """Return shape (dimensions,). Raises EmbedderError."""
        vector: Vector = self._encode([self._bounded(text)], query=True)[0]
        return vector

    def embed_queries(self, texts: Sequence[str]) -> Vector:
        """Return shape (len(texts), dimensions). Raises EmbedderError."""
        return self._embed(texts, query=True)

    def _embed(
        self, texts: Sequence[str], *, query: bool, progress: Progress | None = None
    ) -> Vector:
        bounded = [self._bounded(text) for text in texts]
        lengths = [min(n, self._most_ids) for n in self._count(bounded, special=True)]
        vectors = np.empty((len(bounded), self.dimensions), np.float32)
        for batch in batches(lengths, self._batch_tokens):
            vectors[batch] = self._encode([bounded[position] for position in batch], query=query)
            if progress is not None:
                progress(len(batch))
        return vectors

    def _bounded(self, text: str) -> str:
        return _clean(text[: self._most_ids * _CHARACTERS_A_TOKEN])

    def _count(self, texts: Sequence[str], *, special: bool) -> list[int]:
        if not texts:
            return []
        with self._lock:
            return _count(self._model.tokenizer, texts, special=special)

    def _encode(self, texts: list[str], *, query: bool) -> Vector:
        encode = self._model.encode_query if query else self._model.encode_document
        prompt = self._query_prompt if query else self._passage_prompt
        try:
            with self._lock:
                found = encode(
                    texts,
                    prompt=prompt,
                    batch_size=len(texts),
                    normalize_embeddings=True,
                    show_progress_bar=False,
                    convert_to_numpy=True,
                )
        except RuntimeError as error:  # torch's own, running out of memory among them
            raise EmbedderError(f"{self.name} failed on a text: {error}") from error
        vectors: Vector = np.asarray(found, np.float32)
        if not np.isfinite(vectors).all():
            raise EmbedderError(f"{self.name} gave a vector that is not finite")
        return vectors


def load_model(
    kind: str, model: str, device: str | None, threads: int, error: type[FihrisError]
) -> Any:  # noqa: ANN401
    """Return a model of one of the library's classes. Raises `error`."""
    try:
        import sentence_transformers
        from torch import set_num_threads
    except ImportError as missing:
        raise error(f"sentence-transformers is not installed ({missing}): {INSTALL}") from missing
    if threads:
        set_num_threads(threads)
    try:
        return getattr(sentence_transformers, kind)(model, device=device)
    except Exception as failed:  # a foreign folder can fail in any way
        raise error(
            f"cannot load the model {model!r}: {type(failed).__name__}: {failed}. Give a folder "
            "made by sentence-transformers, or the id of a Hub model that can be reached"
        ) from failed


def _count(tokenizer: Tokenizer, texts: Sequence[str], *, special: bool) -> list[int]:
    if callable(tokenizer):
        found = tokenizer(
            list(texts),
            add_special_tokens=special,
            truncation=False,
            padding=False,
            return_attention_mask=False,
            verbose=False,
        )
        return [len(ids) for ids in found["input_ids"]]
    # StaticEmbedding models carry a bare `tokenizers.Tokenizer`
    return [len(e.ids) for e in tokenizer.encode_batch(list(texts), add_special_tokens=special)]


def _content_hash(model: Model, query_prompt: str, passage_prompt: str, most_ids: int) -> str:
    """SHA-256 over modules, weights, tokenizer and prompts: the same on every device."""
    import torch

    digest = hashlib.sha256()

    def add(value: object) -> None:
        digest.update(json.dumps(value, sort_keys=True, default=str).encode() + b"\n")

    add([query_prompt, passage_prompt, most_ids])
    for module in model:
        add(type(module).__name__)
        if type(module).__name__ == "Pooling":  # the one module whose settings have no weights
            add(module.get_config_dict())
    for name, tensor in sorted(model.state_dict().items()):
        add([name, str(tensor.dtype), list(tensor.shape)])
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(memoryview(flat.view(torch.uint8).numpy()))
    tokenizer = getattr(model.tokenizer, "backend_tokenizer", model.tokenizer)
    if hasattr(tokenizer, "get_vocab"):
        add(tokenizer.get_vocab())
    return digest.hexdigest()


def _clean(text: str) -> str:
    return _SURROGATES.sub("\ufffd", text)
