using System.Globalization;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Interchange;

/// <summary>
/// An adapter as PEFT's two files hold it, in a folder or in a model zip: <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.
/// </summary>
internal sealed class StoredAdapter : IDisposable
{
    public const string WeightsName = "adapter_model.safetensors";

    // PEFT stores float32, or the 16-bit types of its backbone.
    private const int FewestBytesPerParameter = 2;

    private static readonly string[] HeadlessStarts = ["layers.", "embed_tokens."];

    private readonly SafetensorsFile _tensors;
    private readonly IReadOnlyList<MapShape> _maps;

    private StoredAdapter(AdapterOptions options, SafetensorsFile tensors, IReadOnlyList<MapShape> maps)
    {
        Options = options;
        _tensors = tensors;
        _maps = maps;
    }

    public AdapterOptions Options { get; }

    /// <summary>
    /// Reads the options of an adapter for a backbone with these linear maps, and what it has beside them; the tensors are read by <see cref="Load"/>.
    /// </summary>
    /// <exception cref="FileNotFoundException">One of the files is missing.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or the adapter does not fit the backbone.</exception>
    public static StoredAdapter Open(BackboneFiles files, IEnumerable<MapShape> linearMaps, BackboneShape shape) =>
        Open(new AdapterPair(files.Open(WeightsName), files.ReadAll(AdapterConfigFile.Name), AdapterConfigFile.Name), linearMaps, shape);

    /// <summary>The adapter in a folder.</summary>
    /// <inheritdoc cref="Open(BackboneFiles, IEnumerable{MapShape}, BackboneShape)"/>
    public static StoredAdapter Open(string folder, IEnumerable<MapShape> linearMaps, BackboneShape shape) =>
        Open(AdapterPair.Open(folder), linearMaps, shape);

    /// <param name="backend">Where the adapters live.</param>
    /// <param name="newHead">A head that training begins with, where the adapter has none; null for what it has.</param>
    public AdapterSet Load(Backend backend, ScoreHeadRule? newHead = null) =>
        AdapterTensors.Load(backend, newHead is null ? Options : Options.WithHead(newHead), _maps, _tensors);

    /// <summary>Reads everything once, for whoever wants to know what is wrong before a backbone is loaded.</summary>
    /// <exception cref="InvalidDataException">A tensor is missing, has another shape or is one too many, or a value is not finite.</exception>
    public void Check()
    {
        using var backend = new CpuBackend();
        using var adapters = Load(backend);
    }

    public void Dispose() => _tensors.Dispose();

    private static StoredAdapter Open(AdapterPair pair, IEnumerable<MapShape> linearMaps, BackboneShape shape)
    {
        try
        {
            var maps = linearMaps.ToList();
            var tensors = new SafetensorsFile(pair.Weights).Rename(PlainName);
            var options = AdapterConfigFile.Parse(pair.Config, pair.ConfigSource, tensors, maps, shape);
            RequireWeights(options, maps, tensors, pair.ConfigSource);
            return new StoredAdapter(options, tensors, maps);
        }
        catch
        {
            pair.Weights.Dispose();
            throw;
        }
    }

    /// <summary>
    /// PEFT removes the adapter's name ("default") when it saves; whoever saves a model's state by hand does not. Of a backbone that was loaded without its
    /// head (FEATURE_EXTRACTION), the names begin one level deeper.
    /// </summary>
    private static string PlainName(string stored)
    {
        var name = stored.Replace(".default.", ".", StringComparison.Ordinal);
        if (Array.Find(HeadlessStarts, start => name.StartsWith(AdapterTensors.NameOf(start), StringComparison.Ordinal)) is { } headless)
            name = AdapterTensors.NameOf($"model.{headless}{name[AdapterTensors.NameOf(headless).Length..]}");
        name = WithoutEnd(name, ".default").Replace(".modules_to_save.", ".", StringComparison.Ordinal);
        return name.EndsWith(".lora_magnitude_vector.weight", StringComparison.Ordinal) ? WithoutEnd(name, ".weight") : name;
    }

    private static string WithoutEnd(string name, string end) => name.EndsWith(end, StringComparison.Ordinal) ? name[..^end.Length] : name;

    /// <summary>Options that ask for more than the file holds would have memory set aside before the first missing tensor is noticed.</summary>
    private static void RequireWeights(AdapterOptions options, List<MapShape> maps, SafetensorsFile tensors, string source)
    {
        long parameters;
        try
        {
            parameters = options.Plan(maps).Sum(plan => plan.ParameterCount) + options.Tables.Sum(rule => rule.StoredCount)
                + options.Biases.Sum(bias => (long)bias.Map.Rows) + (options.Head?.ParameterCount ?? 0);
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{source} does not fit the backbone. {e.Message}", e);
        }
        if (tensors.ByteCount / FewestBytesPerParameter < parameters)
        {
            var bytes = tensors.ByteCount.ToString("N0", CultureInfo.InvariantCulture);
            throw new InvalidDataException(
                FormattableString.Invariant($"{source} asks for {parameters:N0} parameters, more than {tensors.Name} holds in its {bytes} bytes."));
        }
    }
}
