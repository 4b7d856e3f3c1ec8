using System.Text.Json;
using System.Text.Json.Serialization;

namespace Microsoft.ML.Moka.Training;

/// <summary>
/// What determines the result of a training run, together with model and data: the options of a trainer under their own names, with what they leave to model
/// and data filled in. Defaults and rules are the options'.
/// </summary>
internal sealed record TrainingPlan
{
    private TrainingPlan()
    {
    }

    public required int NumberOfEpochs { get; init; }

    public required int? NumberOfSteps { get; init; }

    /// <summary>The share of the steps that is made, with the whole schedule over them; null for all.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? StepShare { get; init; }

    public required int BatchTokens { get; init; }

    public required int? BatchRows { get; init; }

    public required int GradientAccumulation { get; init; }

    /// <summary>How the gradients of batches are rounded before they are added; null where they are not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MokaExchange? Exchange { get; init; }

    public required float LearningRate { get; init; }

    public required LearningRateSchedule LearningRateSchedule { get; init; }

    public required double WarmupFraction { get; init; }

    /// <summary>The share of the learning rate that a falling schedule ends at.</summary>
    public double FinalFraction { get; init; }

    public required float WeightDecay { get; init; }

    /// <summary>The learning rate of a head at its highest; null where there is none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public float? HeadLearningRate { get; init; }

    /// <summary>The weight decay of a head; null where there is none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public float? HeadWeightDecay { get; init; }

    // The usual constants of AdamW.
    public float Beta1 { get; init; } = 0.9f;

    public float Beta2 { get; init; } = 0.999f;

    public float Epsilon { get; init; } = 1e-8f;

    public required float MaximumGradientNorm { get; init; }

    public required bool GradientCheckpointing { get; init; }

    public required int? ValidationInterval { get; init; }

    public required int? EarlyStoppingPatience { get; init; }

    /// <summary>Determines the order of the examples and what is dropped.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The plan as JSON.</summary>
    public string ToText() => JsonSerializer.Serialize(this, TrainingJson.Default.TrainingPlan);

    public static TrainingPlan Of(TuningOptions options, int numberOfEpochs, float learningRate, ulong seed) => new()
    {
        NumberOfEpochs = numberOfEpochs,
        NumberOfSteps = options.NumberOfSteps,
        StepShare = options.StepShare,
        BatchTokens = options.BatchTokens,
        BatchRows = options.BatchRows,
        GradientAccumulation = options.GradientAccumulation,
        Exchange = options.GradientExchange == MokaExchange.Float32 ? null : options.GradientExchange,
        LearningRate = learningRate,
        LearningRateSchedule = options.LearningRateSchedule,
        WarmupFraction = options.WarmupFraction,
        WeightDecay = options.WeightDecay,
        MaximumGradientNorm = options.MaximumGradientNorm,
        GradientCheckpointing = options.GradientCheckpointing,
        ValidationInterval = options.ValidationInterval,
        EarlyStoppingPatience = options.EarlyStoppingPatience,
        Seed = seed,
    };
}
