using Microsoft.ML.Moka.Adapters;

namespace Microsoft.ML.Moka;

/// <summary>The methods by the short names that command lines and configuration files use.</summary>
public static class AdapterMethods
{
    private const string Filters = "filters";
    private const string FiltersMeaning = "Kronecker products on each map";
    private const string Rank = "rank";
    private const string RankMeaning = "Rank";
    private const string Alpha = "alpha";
    private const string AlphaMeaning = "Scale";

    /// <summary>Every method, the default first. A new one is its options and an entry here.</summary>
    internal static IReadOnlyList<AdapterMethod> All { get; } =
    [
        new()
        {
            Names = [("moka", () => new MokaAdapter()), ("moka_paper", MokaAdapter.FromPaper)],
            PeftType = MokaAdapter.MethodName,
            TensorPrefix = "moka_A",
            Read = (fields, _, _) => MokaAdapter.Read(fields),
            Sizes = [AdapterSize.Whole<MokaAdapter>(Filters, FiltersMeaning, (options, value) => options.Filters = value)],
        },
        new()
        {
            Names = [("moka_s", () => new MokaSAdapter())],
            PeftType = MokaSAdapter.MethodName,
            TensorPrefix = "moka_B",
            Read = (fields, _, _) => MokaSAdapter.Read(fields),
            Sizes = [AdapterSize.Whole<MokaSAdapter>(Filters, FiltersMeaning, (options, value) => options.Filters = value)],
        },
        new()
        {
            Names = [("cdka", CdkaAdapter.FromRunScript), ("cdka_paper", CdkaAdapter.FromPaper)],
            PeftType = CdkaAdapter.MethodName,
            TensorPrefix = "cdka_",
            Read = (fields, _, _) => CdkaAdapter.Read(fields),
            Sizes =
            [
                AdapterSize.Whole<CdkaAdapter>(Filters, FiltersMeaning, (options, value) => options.Filters = value),
                AdapterSize.Real<CdkaAdapter>(Alpha, AlphaMeaning, (options, value) => options.Alpha = value),
                AdapterSize.Whole<CdkaAdapter>("r1", "Rows of the right factors", (options, value) => options.R1 = value),
                AdapterSize.Whole<CdkaAdapter>("r2", "Columns of the left factors", (options, value) => options.R2 = value),
            ],
        },
        new()
        {
            Names = [("krona", () => new KronaAdapter())],
            PeftType = KronaAdapter.MethodName,
            TensorPrefix = "krona_",
            Read = (fields, _, _) => KronaAdapter.Read(fields),
        },
        new()
        {
            Names = [("lokr", () => new LokrAdapter())],
            PeftType = LokrAdapter.MethodName,
            TensorPrefix = "lokr_",
            Read = LokrAdapter.Read,
            Sizes =
            [
                AdapterSize.Whole<LokrAdapter>(Rank, RankMeaning, (options, value) => options.Rank = value),
                AdapterSize.Real<LokrAdapter>(Alpha, AlphaMeaning, (options, value) => options.Alpha = value),
            ],
        },
        new()
        {
            Names =
            [
                ("lora", () => new LoraAdapter()), ("rslora", () => new LoraAdapter { RankStabilized = true }),
                ("loraplus", () => new LoraAdapter { LearningRateRatio = 16 }),
                ("loftq", () => new LoraAdapter { InitialValues = LoraInitialValues.LoftQ }),
            ],
            PeftType = LoraAdapter.MethodName,
            TensorPrefix = "lora_",
            Read = LoraAdapter.Read,
            Sizes =
            [
                AdapterSize.Whole<LoraAdapter>(Rank, RankMeaning, (options, value) => options.Rank = value),
                AdapterSize.Real<LoraAdapter>(Alpha, AlphaMeaning, (options, value) => options.Alpha = value),
            ],
        },
        new()
        {
            Names = [("pissa", () => new PissaAdapter())],
            PeftType = PissaAdapter.MethodName,
            TensorPrefix = "pissa_",
            Read = (fields, _, _) => PissaAdapter.Read(fields),
            Sizes =
            [
                AdapterSize.Whole<PissaAdapter>(Rank, RankMeaning, (options, value) => options.Rank = value),
                AdapterSize.Real<PissaAdapter>(Alpha, AlphaMeaning, (options, value) => options.Alpha = value),
            ],
        },
        // To PEFT, DoRA is LoRA with a field of its own, which LoRA's reader looks for.
        new()
        {
            Names = [("dora", () => new DoraAdapter())],
            PeftType = LoraAdapter.MethodName,
            TensorPrefix = "lora_",
            Read = LoraAdapter.Read,
            Sizes =
            [
                AdapterSize.Whole<DoraAdapter>(Rank, RankMeaning, (options, value) => options.Rank = value),
                AdapterSize.Real<DoraAdapter>(Alpha, AlphaMeaning, (options, value) => options.Alpha = value),
            ],
        },
        new()
        {
            Names = [("hira", () => new HiraAdapter())],
            PeftType = HiraAdapter.MethodName,
            TensorPrefix = "hira_",
            Read = (fields, tensors, _) => HiraAdapter.Read(fields, tensors),
            Sizes = [AdapterSize.Whole<HiraAdapter>(Rank, RankMeaning, (options, value) => options.Rank = value)],
        },
        new()
        {
            Names = [("miss", () => new MissAdapter())],
            PeftType = MissAdapter.MethodName,
            TensorPrefix = "miss_",
            Read = (fields, tensors, _) => MissAdapter.Read(fields, tensors),
            Sizes = [AdapterSize.Whole<MissAdapter>(Rank, RankMeaning, (options, value) => options.Rank = value)],
        },
        new()
        {
            Names = [("full", () => new FullFineTuning())],
            PeftType = FullFineTuning.MethodName,
            TensorPrefix = "full_",
            Read = (fields, _, _) => FullFineTuning.Read(fields),
        },
    ];

    /// <summary>The names, the default method first.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.SelectMany(method => method.Names, (_, named) => named.Name)];

    /// <summary>A method with its default options.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <returns>New options, to be changed as one likes.</returns>
    /// <exception cref="ArgumentException">There is no method of that name; the message lists those that there are.</exception>
    public static AdapterOptions Create(string name) => Find(name).Create();

    /// <summary>The sizes of a method that are single numbers, so that a command line or a configuration file can set them by name.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <returns>The sizes; none where the method has no such size.</returns>
    /// <exception cref="ArgumentException">There is no method of that name; the message lists those that there are.</exception>
    public static IReadOnlyList<AdapterSize> SizesOf(string name) => Find(name).Method.Sizes;

    private static (AdapterMethod Method, Func<AdapterOptions> Create) Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        foreach (var method in All)
            foreach (var (known, create) in method.Names)
                if (known == name)
                    return (method, create);
        throw new ArgumentException($"There is no adapter method '{name}'. There are {string.Join(", ", Names)}.", nameof(name));
    }
}
