"""Our side of pairs whose other side is a package's: a Paddle BERT, and the block of GPT-2."""

from __future__ import annotations

import math

import paddle
import torch
from paddle import nn

SMALL = {"vocab": 60, "width": 32, "heads": 4, "inner": 64, "layers": 2, "positions": 16}


class PaddleBert(nn.Layer):
    """Embeddings, Paddle's own encoder, a pooler."""

    def __init__(self) -> None:
        super().__init__()
        width = SMALL["width"]
        self.words = nn.Embedding(SMALL["vocab"], width, padding_idx=0)
        self.positions = nn.Embedding(SMALL["positions"], width)
        self.types = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, epsilon=1e-12)
        layer = nn.TransformerEncoderLayer(
            width, SMALL["heads"], SMALL["inner"], dropout=0.0, activation="gelu", layer_norm_eps=1e-12
        )
        self.encoder = nn.TransformerEncoder(layer, SMALL["layers"])
        self.pooler = nn.Linear(width, width)

    def forward(self, tokens):
        places = paddle.arange(tokens.shape[1]).unsqueeze(0)
        summed = self.words(tokens) + self.positions(places) + self.types(paddle.zeros_like(tokens))
        hidden = self.encoder(self.norm(summed))
        return hidden, paddle.tanh(self.pooler(hidden[:, 0]))


class TorchBert(torch.nn.Module):
    """The model of `transformers`, with plain outputs."""

    def __init__(self, attention: str = "eager") -> None:
        super().__init__()
        from transformers import BertConfig, BertModel

        config = BertConfig(
            vocab_size=SMALL["vocab"], hidden_size=SMALL["width"], num_hidden_layers=SMALL["layers"],
            num_attention_heads=SMALL["heads"], intermediate_size=SMALL["inner"], hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0, max_position_embeddings=SMALL["positions"],
            attn_implementation=attention,
        )  # fmt: skip
        self.bert = BertModel(config)

    def forward(self, tokens):
        made = self.bert(tokens)
        return made.last_hidden_state, made.pooler_output


class PaddleBlock(nn.Layer):
    """A block of GPT-2, its dense layers Paddle's own."""

    def __init__(self) -> None:
        super().__init__()
        width = SMALL["width"]
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.packed, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        shape = [batch, length, 3, SMALL["heads"], width // SMALL["heads"]]
        query, key, value = self.packed(self.first(x)).reshape(shape).transpose([2, 0, 3, 1, 4])
        scores = query @ key.transpose([0, 1, 3, 2]) / math.sqrt(width // SMALL["heads"])
        seen = paddle.tril(paddle.ones([length, length], dtype="bool"))
        scores = paddle.where(seen, scores, paddle.full_like(scores, float("-inf")))
        mixed = (nn.functional.softmax(scores) @ value).transpose([0, 2, 1, 3]).reshape([batch, length, width])
        x = x + self.out(mixed)
        return x + self.narrow(nn.functional.gelu(self.wide(self.second(x)), approximate=True))


class TorchBlock(torch.nn.Module):
    """The block of `transformers`."""

    def __init__(self, attention: str = "eager") -> None:
        super().__init__()
        from transformers import GPT2Config
        from transformers.models.gpt2.modeling_gpt2 import GPT2Model

        config = GPT2Config(
            vocab_size=SMALL["vocab"], n_positions=SMALL["positions"], n_embd=SMALL["width"], n_layer=1,
            n_head=SMALL["heads"], resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, attn_implementation=attention,
        )  # fmt: skip
        model = GPT2Model(config)
        self.block, self.positions = model.h[0], None

    def forward(self, x):
        length = x.shape[1]
        mask = torch.full((length, length), torch.finfo(x.dtype).min, dtype=x.dtype).triu(1)[None, None]
        made = self.block(x, attention_mask=mask)
        return made[0] if isinstance(made, tuple) else made
