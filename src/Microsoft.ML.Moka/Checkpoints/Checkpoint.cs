using System.Text.Json;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>
/// The weights among a backbone's files: one <c>model.safetensors</c>, several that <c>model.safetensors.index.json</c> lists, or a GGUF. Opening reads
/// the headers only; a tensor's bytes are touched when it is read. Disposing releases the files: no tensor may be used afterwards.
/// </summary>
internal sealed class Checkpoint : IDisposable
{
    public const string SingleFile = "model.safetensors";
    public const string IndexFile = "model.safetensors.index.json";

    private const int MostTries = 20;

    // What stands before the names of a decoder in a model that has a head besides.
    private const string DecoderPrefix = "model.";
    private const string BareEmbedding = "embed_tokens.weight";

    private readonly Dictionary<string, TensorFile> _fileOfTensor = new(StringComparer.Ordinal);

    private readonly List<TensorFile> _files = [];

    // Saved without its head, as models that embed texts are: transformers puts the prefix before its names too.
    private bool _isBare;

    private Checkpoint(string location) => Location = location;

    /// <summary>What to call the checkpoint in an error.</summary>
    public string Location { get; }

    /// <summary>The names of all tensors, those that belong to a quantized weight included.</summary>
    public IReadOnlyCollection<string> Names =>
        _isBare ? [.. _fileOfTensor.Keys.Select(name => DecoderPrefix + name)] : _fileOfTensor.Keys;

    /// <exception cref="FileNotFoundException">The files hold no weights in the safetensors format.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or the index does not fit the files.</exception>
    /// <exception cref="IOException">The files were replaced again and again while they were read.</exception>
    public static Checkpoint Open(BackboneFiles files)
    {
        // What is open stays as it is; while the files are opened one by one, others may take their place.
        for (var tries = 1; ; tries++)
        {
            var before = files.State;
            try
            {
                var checkpoint = OpenOnce(files);
                if (files.State == before)
                    return checkpoint;
                checkpoint.Dispose();
            }
            catch (Exception e) when (e is IOException or InvalidDataException && tries < MostTries && files.State != before)
            {
            }
            if (tries == MostTries)
                throw new IOException($"{files.Location} was replaced again and again while it was read: load it when it is complete.");
        }
    }

    private static Checkpoint OpenOnce(BackboneFiles files)
    {
        var checkpoint = new Checkpoint(files.Location);
        try
        {
            if (files is GgufFiles gguf)
                checkpoint.AddFile(gguf.OpenWeights());
            // Where both are there, transformers reads this one too: an index may be left of a model that was saved there before.
            else if (files.Contains(SingleFile))
                checkpoint.AddFile(Read(files, SingleFile));
            else if (files.Contains(IndexFile))
                checkpoint.AddShards(files);
            else
                throw NoWeights(files);
            checkpoint._isBare = checkpoint.Contains(BareEmbedding) && !checkpoint.Contains(DecoderPrefix + BareEmbedding);
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    public bool Contains(string name) => NameInFile(name) is { } own && _fileOfTensor.ContainsKey(own);

    /// <summary>A tensor as it is stored.</summary>
    /// <exception cref="InvalidDataException">The checkpoint has no such tensor.</exception>
    public StoredTensor this[string name] => NameInFile(name) is { } own && _fileOfTensor.TryGetValue(own, out var file)
        ? file[own]
        : throw new InvalidDataException($"{Location} has no tensor '{name}'" + (NameInFile(name) is null
            ? ": the model was saved without its head. Load it as the whole model (…ForCausalLM) of transformers and save that (save_pretrained)." : "."));

    /// <summary>A weight [rows, columns] as it is stored: dense, or in the quantized form that its type or the keys beside it tell.</summary>
    /// <exception cref="InvalidDataException">It is missing, or its shape or type is another.</exception>
    public StoredMatrix ReadMatrix(string name, int rows, int columns)
    {
        var matrix = QuantizedWeight.Read(this, name) ?? this[name].AsStored();
        if (matrix.Rows != rows || matrix.Columns != columns)
            throw this[name].Invalid($"is a matrix of [{matrix.Rows}, {matrix.Columns}], where the configuration asks for [{rows}, {columns}]");
        return matrix;
    }

    /// <summary>A vector such as a norm's weight, as float32.</summary>
    /// <exception cref="InvalidDataException">It is missing, its shape or type is another, or a value is not finite.</exception>
    public float[] ReadVector(string name, int length)
    {
        var tensor = this[name];
        if (tensor.Shape.Count != 1 || tensor.Shape[0] != length)
            throw tensor.Invalid($"has the shape {tensor.ShapeText}, where the configuration asks for [{length}]");
        var values = tensor.ToFloats();
        if (Array.Exists(values, v => !float.IsFinite(v)))
            throw tensor.Invalid("holds a NaN or an infinity");
        return values;
    }

    public void Dispose()
    {
        foreach (var file in _files)
            file.Dispose();
    }

    private string? NameInFile(string name) =>
        !_isBare ? name : name.StartsWith(DecoderPrefix, StringComparison.Ordinal) ? name[DecoderPrefix.Length..] : null;

    private static SafetensorsFile Read(BackboneFiles files, string name)
    {
        var content = files.Open(name);
        try
        {
            return new SafetensorsFile(content);
        }
        catch
        {
            content.Dispose();
            throw;
        }
    }

    private void AddFile(TensorFile file)
    {
        _files.Add(file);
        AddTensors(file);
    }

    private void AddTensors(TensorFile file)
    {
        foreach (var name in file.Names)
        {
            if (!_fileOfTensor.TryAdd(name, file) && _fileOfTensor[name] != file)
                throw new InvalidDataException($"{file.Name}: tensor '{name}' is in {_fileOfTensor[name].Name} as well.");
        }
    }

    private static FileNotFoundException NoWeights(BackboneFiles files)
    {
        var why = (files as FolderFiles)?.WhyNoWeights() ?? "Weights are read in the safetensors format; other formats have to be converted first.";
        return new FileNotFoundException($"{files.Location} holds neither '{SingleFile}' nor '{IndexFile}'. {why}", SingleFile);
    }

    private void AddShards(BackboneFiles files)
    {
        var index = $"{files.Location}/{IndexFile}";
        var shards = new Dictionary<string, SafetensorsFile>(StringComparer.Ordinal);
        foreach (var (tensor, fileName) in ReadIndex(files, index))
        {
            if (fileName.Length == 0 || fileName != Path.GetFileName(fileName) || fileName is "." or "..")
                throw new InvalidDataException($"{index}: tensor '{tensor}' is said to be in '{fileName}', which is no name of a file beside the index.");
            if (!shards.TryGetValue(fileName, out var shard))
            {
                if (!files.Contains(fileName))
                    throw new FileNotFoundException($"{index} lists '{fileName}', but {files.Location} has no such file.", fileName);
                shard = Read(files, fileName);
                _files.Add(shard);
                shards.Add(fileName, shard);
            }
            if (!shard.Contains(tensor))
                throw new InvalidDataException($"{index}: tensor '{tensor}' is said to be in '{fileName}', but is not.");
            _fileOfTensor.Add(tensor, shard);
        }
        // transformers reads all that the shards hold, whatever their index says: what it does not name is no less a part of the model.
        foreach (var shard in shards.Values)
            AddTensors(shard);
    }

    private static Dictionary<string, string> ReadIndex(BackboneFiles files, string index)
    {
        try
        {
            var bytes = files.ReadAll(IndexFile);
            // A byte order mark is no JSON, but some editors write one.
            using var document = JsonDocument.Parse(
                bytes.AsMemory(bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0), new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 8 });
            return document.RootElement.GetProperty("weight_map").EnumerateObject().ToDictionary(
                p => p.Name, p => p.Value.GetString() ?? throw new FormatException($"'{p.Name}' has no file name"), StringComparer.Ordinal);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new InvalidDataException($"{index} is no index of safetensors files ('weight_map' with a file name for each tensor): {e.Message}", e);
        }
    }
}
