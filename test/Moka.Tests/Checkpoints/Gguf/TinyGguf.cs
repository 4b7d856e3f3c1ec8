using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Checkpoints.Gguf;

/// <summary>A LLaMA of random weights as GGUF, with a byte-level or a SentencePiece vocabulary, and as little as there has to be.</summary>
internal sealed class TinyGguf
{
    public const int Width = 32;
    public const int Heads = 4;
    public const int Rows = 320;

    /// <summary>The metadata, to be changed.</summary>
    public Dictionary<string, object> Metadata { get; } = new()
    {
        ["general.architecture"] = "llama",
        ["llama.block_count"] = 2u,
        ["llama.context_length"] = 128u,
        ["llama.embedding_length"] = (uint)Width,
        ["llama.feed_forward_length"] = 64u,
        ["llama.attention.head_count"] = (uint)Heads,
        ["llama.attention.head_count_kv"] = 2u,
        ["llama.attention.layer_norm_rms_epsilon"] = 1e-5f,
    };

    /// <summary>The tensors, to be changed: values and shape.</summary>
    public Dictionary<string, (float[] Values, int[] Shape)> Tensors { get; } = [];

    public TinyGguf(bool hasSentencePiece = false)
    {
        Add("token_embd.weight", Rows, Width);
        for (var layer = 0; layer < 2; layer++)
        {
            Add($"blk.{layer}.attn_q.weight", Width, Width);
            Add($"blk.{layer}.attn_k.weight", Width / 2, Width);
            Add($"blk.{layer}.attn_v.weight", Width / 2, Width);
            Add($"blk.{layer}.attn_output.weight", Width, Width);
            Add($"blk.{layer}.ffn_gate.weight", 64, Width);
            Add($"blk.{layer}.ffn_up.weight", 64, Width);
            Add($"blk.{layer}.ffn_down.weight", Width, 64);
            Add($"blk.{layer}.attn_norm.weight", Width);
            Add($"blk.{layer}.ffn_norm.weight", Width);
        }
        Add("output_norm.weight", Width);
        if (hasSentencePiece)
            AddSentencePiece();
        else
            AddByteLevel();
    }

    public TinyGguf With(string key, object value)
    {
        Metadata[key] = value;
        return this;
    }

    public TinyGguf Without(string key)
    {
        Metadata.Remove(key);
        return this;
    }

    public TinyGguf Add(string name, params int[] shape)
    {
        var values = new float[shape.Aggregate(1, (product, size) => product * size)];
        new SeededRandom(5, name).FillNormal(values, 0.3f);
        Tensors[name] = (values, shape);
        return this;
    }

    /// <summary>Stores the matrices whose names contain a text in blocks of random codes.</summary>
    public TinyGguf Pack(GgufTensorType type, string part = "")
    {
        foreach (var (name, (_, shape)) in Tensors.Where(tensor => tensor.Value.Shape.Length == 2 && tensor.Key.Contains(part, StringComparison.Ordinal)))
        {
            var random = new Random(name.Length + shape[0]);
            var blocks = new byte[shape[0] * shape[1] / type.BlockLength() * type.BlockBytes()];
            random.NextBytes(blocks);
            // Scales, and least values, of a size that leaves the values about as large as the others.
            for (var block = 0; block < blocks.Length; block += type.BlockBytes())
                for (var at = 0; at < type.BlockBytes() % 16; at += 2)
                    BitConverter.TryWriteBytes(blocks.AsSpan(block + at), (Half)((random.NextDouble() - 0.3) * (type == GgufTensorType.Q8_0 ? 0.005 : 0.08)));
            Packed[name] = (type, blocks);
        }
        return this;
    }

    /// <summary>The tensors that are stored in blocks.</summary>
    public Dictionary<string, (GgufTensorType Type, byte[] Blocks)> Packed { get; } = [];

    public byte[] ToArray() => ToArray(Metadata, Tensors.Keys);

    /// <summary>Writes the model in so many files and returns the path of the first.</summary>
    public string WriteShards(string folder, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var metadata = i == 0 ? new Dictionary<string, object>(Metadata) : [];
            metadata["split.no"] = (ushort)i;
            metadata["split.count"] = (ushort)count;
            metadata["split.tensors.count"] = Tensors.Count;
            File.WriteAllBytes(Path.Combine(folder, $"tiny-{i + 1:00000}-of-{count:00000}.gguf"),
                ToArray(metadata, Tensors.Keys.Where((_, place) => place % count == i)));
        }
        return Path.Combine(folder, $"tiny-00001-of-{count:00000}.gguf");
    }

    private byte[] ToArray(Dictionary<string, object> metadata, IEnumerable<string> tensors)
    {
        var bytes = new GgufBytes();
        foreach (var (key, value) in metadata)
            bytes.With(key, value);
        foreach (var name in tensors)
        {
            if (Packed.TryGetValue(name, out var packed))
                bytes.Tensor(name, packed.Type, packed.Blocks, Tensors[name].Shape);
            else
                bytes.Floats(name, Tensors[name].Values, Tensors[name].Shape);
        }
        return bytes.ToArray();
    }

    // Control tokens, the letters of bytes, three merges.
    private void AddByteLevel()
    {
        string[] merged = ["Ġt", "he", "Ġthe"];
        string[] tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>",
            .. Enumerable.Range(0, 256).Select(value => Moka.Text.ByteLevelAlphabet.Character((byte)value).ToString()), .. merged];
        Metadata["tokenizer.ggml.model"] = "gpt2";
        Metadata["tokenizer.ggml.pre"] = "smollm";
        Metadata["tokenizer.ggml.tokens"] = tokens;
        Metadata["tokenizer.ggml.token_type"] = tokens.Select((_, id) => id < 3 ? 3 : id == 3 ? 4 : 1).ToArray();
        Metadata["tokenizer.ggml.merges"] = new[] { "Ġ t", "h e", "Ġt he" };
        Metadata["tokenizer.ggml.bos_token_id"] = 1u;
        Metadata["tokenizer.ggml.eos_token_id"] = 0u;
    }

    // Control and byte tokens, and pieces of which "▁the" is made.
    private void AddSentencePiece()
    {
        string[] pieces = ["▁", "t", "h", "e", "▁t", "he", "▁the"];
        string[] tokens = ["<unk>", "<s>", "</s>", .. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>"), .. pieces];
        Metadata["tokenizer.ggml.model"] = "llama";
        Metadata["tokenizer.ggml.tokens"] = tokens;
        Metadata["tokenizer.ggml.scores"] = tokens.Select((_, id) => id < 259 ? 0f : 258 - id).ToArray();
        Metadata["tokenizer.ggml.token_type"] = tokens.Select((_, id) => id == 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1).ToArray();
    }
}
