extern alias MlNetInternals;

using System.Security.Cryptography;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Interop;
using ModelLoadContext = MlNetInternals::Microsoft.ML.ModelLoadContext;

namespace Microsoft.ML.Moka.Models;

/// <summary>The entries of a model zip beside the component's own, read when they are first asked for: the zip is closed when loading has ended.</summary>
/// <param name="ctx">The zip.</param>
/// <param name="temporaryFolder">Where entries go that are too large for memory.</param>
internal sealed class ModelEntries(ModelLoadContext ctx, string temporaryFolder) : BackboneFiles
{
    private const int LargestConfiguration = 1 << 23;
    private const string WeightsExtension = ".safetensors";

    private readonly Dictionary<string, FileContent> _read = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _limits = new(StringComparer.Ordinal);
    private IReadOnlyDictionary<string, string> _hashes = new Dictionary<string, string>();

    /// <summary>The most bytes of an entry that is read into memory; larger ones are read from a temporary file. Tests lower it.</summary>
    public static long LargestInMemory { get; set; } = 1 << 30;

    public override string Location => "model";

    /// <summary>Says which entries there have to be, and the SHA-256 of each.</summary>
    public void Expect(IReadOnlyDictionary<string, string> hashes) => _hashes = hashes;

    /// <summary>Says how many bytes an entry of weights has at most.</summary>
    public void Limit(string name, long most) => _limits[name] = most;

    public override bool Contains(string name) => _hashes.ContainsKey(name);

    public override byte[] ReadAll(string name)
    {
        var content = Open(name);
        return content.Slice(0, (int)content.Length).ToArray();
    }

    public override FileContent Open(string name)
    {
        if (_read.TryGetValue(name, out var content))
            return content.Lend();
        var isWeights = name.EndsWith(WeightsExtension, StringComparison.Ordinal);
        try
        {
            var most = _limits.GetValueOrDefault(name, isWeights ? long.MaxValue : LargestOf(name));
            var found = ModelStream.TryRead(ctx, name, reader => content = Read(name, reader.BaseStream, most));
            if (!found)
                throw new InvalidDataException($"The model has no entry '{name}': the zip is incomplete, or was edited.");
        }
        catch (Exception e) when (e is InvalidDataException or IOException && !e.Message.Contains(name, StringComparison.Ordinal))
        {
            throw new InvalidDataException($"The entry '{name}' of the model is damaged: {e.Message}", e);
        }
        _read.Add(name, content!);
        return content!.Lend();
    }

    /// <exception cref="InvalidDataException">An entry is not what was saved.</exception>
    public void CheckHashes()
    {
        foreach (var (name, expected) in _hashes)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var content = Open(name);
            for (long start = 0; start < content.Length; start += LargestText)
                hash.AppendData(content.Slice(start, (int)Math.Min(LargestText, content.Length - start)).Span);
            if (!expected.Equals(Convert.ToHexStringLower(hash.GetHashAndReset()), StringComparison.OrdinalIgnoreCase))
                throw new InvalidDataException(
                    $"The entry '{name}' of the model was changed since it was saved: its SHA-256 is another.");
        }
    }

    // A tokenizer is large; nothing else that is text is.
    private static int LargestOf(string name) => name.StartsWith("tokenizer.", StringComparison.Ordinal) ? LargestText : LargestConfiguration;

    // Memory grows with what is there, whatever lengths the zip claims.
    private FileContent Read(string name, Stream stream, long most)
    {
        if (stream.Length > most)
            throw new InvalidDataException(
                FormattableString.Invariant($"The entry '{name}' of the model has {stream.Length:N0} bytes; more than {most:N0} make no sense there."));
        return stream.Length <= LargestInMemory ? InMemory(name, stream) : TemporaryFile.Of(temporaryFolder, name, stream);
    }

    private static FileContent InMemory(string name, Stream stream)
    {
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return FileContent.Of(name, content);
    }
}
