using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tests;

namespace Microsoft.ML.Moka.Reliability;

/// <summary>Small models and what is saved of them, and the test material where it is there.</summary>
internal sealed class Samples : IDisposable
{
    private readonly Lazy<MokaTransformer> _model;
    private readonly Lazy<MokaTransformer> _other;

    public Samples()
        : this(Directory.CreateTempSubdirectory("moka-reliability-").FullName, withMaterial: true)
    {
    }

    private Samples(string root, bool withMaterial)
    {
        (Root, Material) = (root, withMaterial ? FindMaterial() : null);
        Backbone = TinyBackbone.Write(Path.Combine(Root, "backbone"));
        _model = new(() => Tuned(new MokaAdapter()));
        _other = new(() => Tuned(new LoraAdapter { Rank = 2, Alpha = 64 }));
    }

    public string Root { get; }

    /// <summary>
    /// The same in one place, which a model's file names, and without the test material: all bytes are then the same each time. One process at a time.
    /// </summary>
    public static Samples InFixedFolder()
    {
        var root = Path.Combine(Path.GetTempPath(), "moka-reliability");
        if (Directory.Exists(root))
            Directory.Delete(root, recursive: true);
        return new Samples(Directory.CreateDirectory(root).FullName, withMaterial: false);
    }

    /// <summary>The folder of a LLaMA of random weights.</summary>
    public string Backbone { get; }

    public MLContext Context { get; private set; } = new(seed: 1);

    /// <summary>Takes another context: one keeps a little of every component that it has made.</summary>
    public void Renew() => Context = new MLContext(seed: 1);

    public IDataView Data => Context.Data.LoadFromEnumerable(Row.Make(30));

    public MokaTransformer Model => _model.Value;

    /// <summary>Another adapter on the same backbone.</summary>
    public MokaTransformer Other => _other.Value;

    /// <summary>The folder of the test material; null where it is not there, or not wanted.</summary>
    public string? Material { get; }

    public string File(string name) => Path.Combine(Root, name);

    /// <summary>Files of the test material by a pattern.</summary>
    public IEnumerable<byte[]> OfMaterial(string folder, string pattern, int largest = 1 << 20) => Material is null
        ? []
        : Directory.EnumerateFiles(Path.Combine(Material, folder), pattern, SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Where(path => new FileInfo(path).Length <= largest).Select(System.IO.File.ReadAllBytes);

    /// <summary>The files of the backbone by name.</summary>
    public Dictionary<string, byte[]> BackboneFiles() =>
        Directory.GetFiles(Backbone).ToDictionary(path => Path.GetFileName(path), System.IO.File.ReadAllBytes);

    public MokaTransformer Tuned(AdapterOptions adapter, Action<MokaTrainer.Options>? change = null)
    {
        var options = new MokaTrainer.Options
        {
            BackbonePath = Backbone,
            PromptTemplate = new PromptTemplate("{text} is"),
            NumberOfSteps = 2,
            BatchTokens = 256,
            LearningRate = 1e-2f,
            Adapter = adapter,
        };
        change?.Invoke(options);
        return Context.Transforms.Conversion.MapValueToKey("Label").Append(Context.MulticlassClassification.Trainers.Moka(options)).Fit(Data).LastTransformer;
    }

    /// <summary>The scores of a model, as bits.</summary>
    public string Scores(ITransformer model) => string.Join(
        ' ', Context.Data.CreateEnumerable<Scored>(model.Transform(Context.Data.LoadFromEnumerable(Row.Make(3))), reuseRowObject: false)
            .SelectMany(row => row.Score).Select(BitConverter.SingleToUInt32Bits));

    public void Dispose()
    {
        if (_model.IsValueCreated)
            _model.Value.Dispose();
        if (_other.IsValueCreated)
            _other.Value.Dispose();
        Directory.Delete(Root, recursive: true);
    }

    private static string? FindMaterial() =>
        new[] { Environment.GetEnvironmentVariable("MOKA_MATERIAL"), Path.Combine("..", "shared", "material") }.FirstOrDefault(Directory.Exists);

    private sealed class Scored
    {
        public float[] Score { get; set; } = [];
    }
}
