using System.Globalization;
using System.Text.Json.Serialization;
using Microsoft.ML.Moka;

namespace RealBackbone;

/// <summary>All that determines a run's figures: two runs that agree in it need not both be made.</summary>
internal sealed record RunSettings
{
    /// <summary>The method of runs that tune nothing: the backbone as it is.</summary>
    public const string Untuned = "untuned";

    /// <summary>The method of runs that use no backbone: logistic regression on n-grams.</summary>
    public const string Features = "features";

    /// <summary>The methods that this sample tunes by, in the order of tables; samples/CompareAdapters takes all.</summary>
    public static IReadOnlyList<string> Adapters { get; } = ["lora", "moka"];

    public required string Task { get; init; }

    /// <summary>"features", "untuned", or the name of an adapter method: "lora".</summary>
    public required string Method { get; init; }

    /// <summary>The most parameters of the adapter, of which its sizes make the best; null for the sizes of the figures to compare with.</summary>
    public long? Budget { get; init; }

    /// <summary>The linear maps that are adapted, with commas; null for the four of the attention, or the method's own.</summary>
    public string? Targets { get; init; }

    /// <summary>Whether a quarter of the training rows is scored, and the others are trained on: what learning rates are chosen by. Null for no.</summary>
    public bool? OnValidationRows { get; init; }

    /// <summary>The name of the backbone; null where none is used.</summary>
    public string? Backbone { get; init; }

    /// <summary>"last-token" or "mean": what a head looks at that tells the labels; null where their words do.</summary>
    public string? Head { get; init; }

    /// <summary>"cpu" or "cuda": on a GPU activations are bfloat16.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>How the CPU multiplies matrices; null for the usual way.</summary>
    [JsonConverter(typeof(JsonStringEnumConverter<MokaPrecision>))]
    public MokaPrecision? Precision { get; init; }

    /// <summary>The highest learning rate; null where nothing is tuned.</summary>
    public float? Rate { get; init; }

    public int? Epochs { get; init; }

    /// <summary>Updates, where they are given in place of epochs.</summary>
    public int? Steps { get; init; }

    /// <summary>So many test rows: of each benchmark the first ones, of other tasks rows from all of the file; null for all.</summary>
    public int? TestRows { get; init; }

    /// <summary>Initial values and the order of rows; null where nothing is tuned.</summary>
    public int? Seed { get; init; }

    [JsonIgnore]
    public bool IsTuned => Method is not Untuned and not Features;

    /// <summary>The settings in words, one file name for each.</summary>
    [JsonIgnore]
    public string Name => string.Join('_', new[]
    {
        Task, Method, Invariant(Budget, "budget-"), Targets?.Replace(",", "-", StringComparison.Ordinal), Backbone, Head, Device,
        Precision?.ToString(), OnValidationRows is true ? "validation" : null, Invariant(Rate, "rate-"), Invariant(Epochs, "epochs-"),
        Invariant(Steps, "steps-"), Invariant(TestRows, "rows-"),
        Invariant(Seed, "seed-"),
    }.OfType<string>());

    private static string? Invariant(IFormattable? value, string name) => value is null ? null : name + value.ToString(null, CultureInfo.InvariantCulture);
}
