using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// Tells whether a backbone is the one that adapters were trained on: SHA-256 over the shape that <c>config.json</c> gives, the tokenizer's files, and
/// name, type, shape and contents of every tensor in the order of their names, so that the same weights in other shards are the same backbone.
/// Tensors of up to a mebibyte are hashed whole; of a larger one 256 pages of 4 KiB are, evenly spaced from its first to its last byte, because reading
/// all of a model of many gigabytes would double the time to load it. Another model, another fine-tuning of the same model or another precision changes
/// nearly every page, so all of them are noticed; a few values altered on purpose in a large tensor may not be.
/// </summary>
internal static class BackboneFingerprint
{
    private const int PageSize = 4096;
    private const int PageCount = 256;

    private static readonly string[] TokenizerFiles =
        ["generation_config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json"];

    /// <summary>"sha256:" and 64 hexadecimal digits.</summary>
    public static string Compute(BackboneFiles files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, LlamaConfigFile.Name, LlamaConfigFile.Write(LlamaConfigFile.Read(files)));
        foreach (var name in TokenizerFiles.Where(files.Contains))
            Append(hash, name, files.ReadAll(name));
        using var checkpoint = Checkpoint.Open(files);
        foreach (var name in checkpoint.Names.Order(StringComparer.Ordinal))
        {
            var tensor = checkpoint[name];
            Append(hash, $"{name} {tensor.Type} {tensor.ShapeText}", Sample(tensor.Data));
        }
        return $"sha256:{Convert.ToHexStringLower(hash.GetHashAndReset())}";
    }

    private static ReadOnlySpan<byte> Sample(ReadOnlyMemory<byte> data)
    {
        if (data.Length <= PageSize * PageCount)
            return data.Span;
        var sample = new byte[PageSize * PageCount];
        for (var page = 0; page < PageCount; page++)
        {
            var start = (int)((long)(data.Length - PageSize) * page / (PageCount - 1));
            FileContent.Part(data, start, PageSize).CopyTo(sample.AsSpan(page * PageSize));
        }
        return sample;
    }

    /// <summary>Lengths go before what they measure, so that no two inputs run together to the same bytes.</summary>
    private static void Append(IncrementalHash hash, string name, ReadOnlySpan<byte> content)
    {
        var nameBytes = Encoding.UTF8.GetBytes(name);
        Span<byte> lengths = stackalloc byte[2 * sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(lengths, nameBytes.Length);
        BinaryPrimitives.WriteInt64LittleEndian(lengths[sizeof(long)..], content.Length);
        hash.AppendData(lengths);
        hash.AppendData(nameBytes);
        hash.AppendData(content);
    }
}
