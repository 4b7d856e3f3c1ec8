#!/usr/bin/env python3
"""Times the training step of './build.sh bench step' in PyTorch, on the same machine: random weights, linear maps in NF4 that are expanded for each use
and never kept, LoRA or MoKA adapters in float32, AdamW. On CUDA activations are bfloat16.

    python3 test/Benchmarks/pytorch_step.py --model llama3-8b --adapter moka --batch 4 --seq 1024 --ckpt
    ./build.sh bench step --backend torch --model llama3-8b --adapter moka --targets qkvo --batch 4 --seq 1024 --ckpt --json moka.json
    python3 test/Benchmarks/pytorch_step.py ... --against moka.json          # and the ratio

Any PyTorch from 1.13 on will do; '--model toy' runs in seconds on a CPU.
"""
import argparse
import json
import math
import statistics
import time

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

# hidden, layers, query heads, key/value heads, intermediate, vocabulary
SHAPES = {
    "toy": (576, 2, 9, 3, 1536, 4096),
    "smol": (576, 30, 9, 3, 1536, 49152),
    "tiny1b": (2048, 22, 32, 4, 5632, 32000),
    "llama2-7b": (4096, 32, 32, 32, 11008, 32000),
    "llama3-8b": (4096, 32, 32, 8, 14336, 128256),
}
NF4 = [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
       -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
       0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0]
BLOCK = 64


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=SHAPES, default="toy")
    parser.add_argument("--adapter", choices=["lora", "moka"], default="moka")
    parser.add_argument("--targets", choices=["qkvo", "all"], default="qkvo")
    parser.add_argument("--rank", type=int, default=16, help="of LoRA")
    parser.add_argument("--filters", type=int, default=5, help="of MoKA")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--seq", type=int, default=128)
    parser.add_argument("--steps", type=int, default=5, help="measured, after one that is not")
    parser.add_argument("--ckpt", action="store_true", help="decoder layers are run again in the backward pass")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", choices=["f32", "bf16"], help="of activations; bf16 on CUDA, f32 elsewhere")
    parser.add_argument("--against", help="a file that 'bench step --json' wrote: prints how many times as fast that was")
    return parser.parse_args()


class FourBitProduct(torch.autograd.Function):
    """x W' with a weight that is expanded here, and once more in the backward pass."""

    @staticmethod
    def forward(ctx, x, weight):
        ctx.weight = weight
        return x @ weight.expand(x.dtype).t()

    @staticmethod
    def backward(ctx, dy):
        return dy @ ctx.weight.expand(dy.dtype), None


class FourBitWeight:
    def __init__(self, rows, columns, device):
        self.shape = (rows, columns)
        self.codes = torch.randint(0, 256, (rows * columns // 2,), dtype=torch.uint8, device=device)
        self.absmax = torch.full((rows * columns // BLOCK, 1), 1.7 / math.sqrt(columns), device=device)
        self.absmax *= 0.8 + 0.4 * torch.rand_like(self.absmax)
        table = torch.tensor(NF4, device=device)
        byte = torch.arange(256, device=device)
        self.pairs = torch.stack([table[byte // 16], table[byte % 16]], 1)

    def expand(self, dtype):
        values = self.pairs.index_select(0, self.codes.to(torch.int32)).view(-1, BLOCK)
        return values.mul_(self.absmax).to(dtype).view(self.shape)


class Lora(torch.nn.Module):
    def __init__(self, rows, columns, rank, device):
        super().__init__()
        self.a = torch.nn.Parameter(torch.empty(rank, columns, device=device).uniform_(-1, 1) / math.sqrt(columns))
        self.b = torch.nn.Parameter(torch.zeros(rows, rank, device=device))

    def forward(self, x):
        return (x @ self.a.to(x.dtype).t()) @ self.b.to(x.dtype).t()


class Moka(torch.nn.Module):
    """Token by token, two products for each filter, as a plain framework computes it."""

    def __init__(self, rows, columns, count, device):
        super().__init__()
        self.gates = torch.nn.Parameter(torch.zeros(count, device=device))
        self.a, self.b = torch.nn.ParameterList(), torch.nn.ParameterList()
        for m, n in filter_shapes(rows, columns, count):
            self.a.append(torch.nn.Parameter(torch.empty(m, n, device=device).uniform_(-1, 1) / math.sqrt(n)))
            self.b.append(torch.nn.Parameter(torch.zeros(rows // m, columns // n, device=device)))

    def forward(self, x):
        tokens, result = x.shape[0], 0
        for gate, a, b in zip(torch.softmax(self.gates, 0), self.a, self.b):
            grid = x.view(tokens, a.shape[1], b.shape[1])
            left = (gate * a).to(x.dtype)
            result = result + (left @ (grid @ b.to(x.dtype).t())).reshape(tokens, -1)
        return result


def filter_shapes(rows, columns, count):
    """The shapes of A, balanced first, with |A| and |B| near the root of rows * columns."""
    root = math.sqrt(rows * columns)
    divisors = [[d for d in range(1, size + 1) if size % d == 0] for size in (rows, columns)]
    found = [(m, min(divisors[1], key=lambda n: abs(math.log(m * n / root)))) for m in divisors[0]]
    return sorted(found, key=lambda shape: (round(abs(math.log(shape[0] * shape[1] / root)), 6), abs(math.log(shape[0] / shape[1]))))[:count]


class Map(torch.nn.Module):
    def __init__(self, rows, columns, adapter, device):
        super().__init__()
        self.weight, self.adapter = FourBitWeight(rows, columns, device), adapter

    def forward(self, x):
        y = FourBitProduct.apply(x, self.weight)
        return y if self.adapter is None else y + self.adapter(x)


class Layer(torch.nn.Module):
    def __init__(self, shape, options):
        super().__init__()
        hidden, _, self.heads, self.shared, wide, _ = shape
        self.width = hidden // self.heads
        device = options.device
        self.norms = [torch.ones(hidden, device=device), torch.ones(hidden, device=device)]
        keys = self.shared * self.width
        sizes = dict(q=(hidden, hidden), k=(keys, hidden), v=(keys, hidden), o=(hidden, hidden), gate=(wide, hidden), up=(wide, hidden), down=(hidden, wide))
        self.maps = torch.nn.ModuleDict()
        for name, (rows, columns) in sizes.items():
            adapter = None
            if options.targets == "all" or name in "qkvo":
                adapter = Lora(rows, columns, options.rank, device) if options.adapter == "lora" else Moka(rows, columns, options.filters, device)
            self.maps[name] = Map(rows, columns, adapter, device)

    def forward(self, x, batch, angles):
        tokens = x.shape[0]
        h = rms_norm(x, self.norms[0])
        q, k, v = (self.maps[name](h).view(batch, tokens // batch, -1, self.width).transpose(1, 2) for name in "qkv")
        q, k = turn(q, *angles), turn(k, *angles)
        k, v = (t.repeat_interleave(self.heads // self.shared, 1) for t in (k, v))
        x = x + self.maps["o"](attend(q, k, v).transpose(1, 2).reshape(tokens, -1))
        h = rms_norm(x, self.norms[1])
        return x + self.maps["down"](F.silu(self.maps["gate"](h)) * self.maps["up"](h))


def rms_norm(x, weight):
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-5) * weight).to(x.dtype)


def turn(x, cosines, sines):
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1)


def attend(q, k, v):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    scores = (q @ k.transpose(-1, -2)).float() / math.sqrt(q.shape[-1])
    hidden = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
    return torch.softmax(scores.masked_fill(hidden, -math.inf), -1).to(q.dtype) @ v


def main():
    options = parse()
    shape = hidden, layers, heads, _, _, vocabulary = SHAPES[options.model]
    is_cuda = options.device.startswith("cuda")
    dtype = torch.bfloat16 if (options.dtype or ("bf16" if is_cuda else "f32")) == "bf16" else torch.float32
    torch.manual_seed(1)
    model = torch.nn.ModuleList(Layer(shape, options) for _ in range(layers))
    table = torch.empty(vocabulary, hidden, dtype=dtype, device=options.device).normal_(0, 0.02)
    head = table if options.model in ("toy", "smol") else torch.empty_like(table).normal_(0, 0.02)
    positions = torch.arange(options.seq, device=options.device)[:, None]
    angles = positions * 10000.0 ** (-torch.arange(0, hidden // heads, 2, device=options.device) / (hidden // heads))
    angles = angles.cos().to(dtype), angles.sin().to(dtype)
    norm = torch.ones(hidden, device=options.device)
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0)

    def step():
        ids = torch.randint(0, vocabulary, (options.batch, options.seq + 1), device=options.device)
        x = table[ids[:, :-1].reshape(-1)].requires_grad_(options.ckpt)
        for layer in model:
            x = checkpoint(layer, x, options.batch, angles) if options.ckpt else layer(x, options.batch, angles)
        loss = F.cross_entropy((rms_norm(x, norm) @ head.t()).float(), ids[:, 1:].reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        return loss.item()

    seconds = []
    for number in range(options.steps + 1):
        start = time.perf_counter()
        loss = step()
        if is_cuda:
            torch.cuda.synchronize()
        if number > 0:
            seconds.append(time.perf_counter() - start)
    tokens = options.batch * options.seq
    peak = f" peak={torch.cuda.max_memory_allocated() / 2**30:.2f}GiB" if is_cuda else ""
    device = torch.cuda.get_device_name() if is_cuda else f"cpu, {torch.get_num_threads()} threads"
    print(f"pytorch {torch.__version__} {options.model} {options.adapter}/{options.targets} {dtype} b={options.batch} s={options.seq}"
          f" trainable={sum(p.numel() for p in parameters) / 1e6:.2f}M best={min(seconds):.3f}s med={statistics.median(seconds):.3f}s"
          f" tok/s={tokens / min(seconds):.0f} loss={loss:.3f}{peak} [{device}]")
    if options.against:
        with open(options.against, encoding="utf-8") as file:
            other = json.load(file)
        print(f"{other['backend']}: best={min(other['seconds']):.3f}s, {min(seconds) / min(other['seconds']):.2f} times as fast")


if __name__ == "__main__":
    main()
