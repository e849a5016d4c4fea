"""Write the bundled weights as a sentence-transformers folder: an independent reading of them.

    python -m tests.embedding.convert FOLDER [WEIGHTS]

The library then runs its own BERT, tokenizer, pooling and normalisation over
the same numbers. Needs the `sentence-transformers` extra; FOLDER takes 470 MB.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.embedding.bundled.weights import Weights, dequantised, find_weights

_MATRICES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
_NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


def convert(folder: Path, weights: Path | None = None) -> Path:
    """Write the folder and return it."""
    source = Weights(weights or find_weights())
    folder.mkdir(parents=True, exist_ok=True)
    from safetensors.numpy import save_file  # type: ignore[import-not-found,unused-ignore]

    save_file(_tensors(source), folder / "model.safetensors", metadata={"format": "pt"})
    _write_tokenizer(source, folder)
    sizes = source.sizes
    _write(
        folder / "config.json",
        {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_act": "gelu",
            "hidden_size": sizes.hidden,
            "intermediate_size": sizes.inner,
            "layer_norm_eps": sizes.epsilon,
            "max_position_embeddings": sizes.positions,
            "num_attention_heads": sizes.heads,
            "num_hidden_layers": sizes.layers,
            "pad_token_id": 0,  # a position, not a token, in BERT's embedding of padding
            "type_vocab_size": 2,
            "vocab_size": sizes.vocabulary,
        },
    )
    _write(folder / "sentence_bert_config.json", {"max_seq_length": sizes.positions})
    _write(
        folder / "config_sentence_transformers.json",
        {"prompts": {"query": "query: ", "passage": "passage: "}},
    )
    kinds = ["Transformer", "Pooling", "Normalize"]
    paths = ["", "1_Pooling", "2_Normalize"]
    _write(
        folder / "modules.json",
        [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (kind, path) in enumerate(zip(kinds, paths, strict=True))
        ],
    )
    for path in paths[1:]:
        (folder / path).mkdir(exist_ok=True)
    _write(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": sizes.hidden, "pooling_mode_mean_tokens": True},
    )
    return folder


def _tensors(source: Weights) -> dict[str, NDArray[np.float32]]:
    hidden, inner = source.sizes.hidden, source.sizes.inner
    tensors = {
        "embeddings.word_embeddings.weight": dequantised(source.blocks("emb.word", hidden)),
        "embeddings.position_embeddings.weight": source.float32("emb.pos").reshape(-1, hidden),
        "embeddings.token_type_embeddings.weight": source.float32("emb.type").reshape(-1, hidden),
        "embeddings.LayerNorm.weight": source.float32("emb.ln.w"),
        "embeddings.LayerNorm.bias": source.float32("emb.ln.b"),
        # BERT's pooler is loaded and not used: pooling is by mean
        "pooler.dense.weight": np.zeros((hidden, hidden), np.float32),
        "pooler.dense.bias": np.zeros(hidden, np.float32),
    }
    for layer in range(source.sizes.layers):
        prefix = f"encoder.layer.{layer}."
        for short, name in _MATRICES.items():
            columns = inner if short == "fo" else hidden
            blocks = source.blocks(f"l{layer}.{short}.w", columns)
            tensors[f"{prefix}{name}.weight"] = dequantised(blocks)
            tensors[f"{prefix}{name}.bias"] = source.float32(f"l{layer}.{short}.b")
        for short, name in _NORMS.items():
            tensors[f"{prefix}{name}.weight"] = source.float32(f"l{layer}.{short}.w")
            tensors[f"{prefix}{name}.bias"] = source.float32(f"l{layer}.{short}.b")
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def _write_tokenizer(source: Weights, folder: Path) -> None:
    """The `tokenizers` package's own Unigram: not our code, for the test's sake."""
    from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import Unigram

    pieces = source.pieces
    vocabulary = list(zip(pieces.texts, pieces.scores, strict=True))
    tokenizer = Tokenizer(Unigram(vocabulary, unk_id=pieces.unknown))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    begin, end = pieces.texts[pieces.begin], pieces.texts[pieces.end]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        pair=None,
        special_tokens=[(begin, pieces.begin), (end, pieces.end)],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": source.sizes.positions,
            "bos_token": begin,
            "eos_token": end,
            "cls_token": begin,
            "sep_token": end,
            "pad_token": pieces.texts[pieces.pad],
            "unk_token": pieces.texts[pieces.unknown],
        },
    )


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


if __name__ == "__main__":
    print(convert(Path(sys.argv[1]), *map(Path, sys.argv[2:3])))
