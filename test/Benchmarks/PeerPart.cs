namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>A kind of work that Moka and others do.</summary>
/// <param name="Name">What the option calls it.</param>
/// <param name="Title">What the table calls it.</param>
/// <param name="Options">The options of 'step'.</param>
/// <param name="IsLlamaCpp">Whether llama.cpp does it; Moka's turn then is on the same GGUF, in Q4_0 with Q8_0 tables.</param>
/// <param name="TorchOptions">The options of the PyTorch program; null where it takes no turn.</param>
internal sealed record PeerPart(string Name, string Title, string Options, bool IsLlamaCpp, string? TorchOptions)
{
    public static IReadOnlyList<PeerPart> All { get; } =
    [
        new("step-lora", "training step, LoRA r 16 on all maps, 4 × 128 tokens", "--mode train --adapter lora --rank 16", false,
            "--mode train --adapter lora --rank 16"),
        new("step-moka", "training step, MoKA, 5 filters on q, k, v, o, 4 × 128 tokens", "--mode train --adapter moka --filters 5 --targets qkvo", false,
            "--mode train --adapter moka --filters 5 --targets qkvo"),
        new("score", "scoring every token of 8 × 128", "--mode score --adapter none --batch 8", false, "--mode score --adapter none --batch 8"),
        new("score-gguf", "scoring every token of 8 × 128, Q4_0", "--mode score --adapter none --batch 8", true, null),
        new("decode", "decoding, ms a token, Q4_0", "--mode decode --adapter none", true, null),
        new("decode-moka", "decoding, MoKA not merged, ms a token, Q4_0", "--mode decode --adapter moka --filters 5 --targets qkvo", true, null),
        new("decode-nf4", "decoding, NF4, ms a token", "--mode decode --adapter none", false, "--mode decode --adapter none"),
    ];
}
