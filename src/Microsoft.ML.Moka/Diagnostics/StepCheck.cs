using System.Diagnostics;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Counting;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Diagnostics;

/// <summary>A few steps of training with a MoKA adapter on the embedded backbone: all that a real run does, in little.</summary>
internal sealed record StepCheck(IReadOnlyList<double> Losses, double Seconds, long TensorBytes)
{
    private const int Sequences = 4;
    private const int Length = 64;
    private const int Steps = 4;

    // Over so few steps a rate far above the usual one shows that weights move.
    private const float Rate = 1e-2f;

    /// <summary>Trains.</summary>
    public static StepCheck Run(Backend backend)
    {
        using var backbone = LlamaBackbone.Load(backend, BackboneSource.Embedded().Files, new(BackboneQuantization.NF4));
        using var adapters = backbone.CreateAdapters(new MokaAdapter(), seed: 1);
        var model = new TrainedModel(backbone, adapters);
        using var optimizer = new Optimizer(backend, model.Parameters, TrainingPlan.Of(new MokaTrainer.Options(), numberOfEpochs: 1, Rate, seed: 1));
        // One token more than is computed: the last is a target only.
        var random = new SeededRandom(1, "tokens");
        TrainingExample[] examples =
        [
            .. Enumerable.Range(0, Sequences).Select(_ =>
                new TrainingExample([.. Enumerable.Range(0, Length + 1).Select(_ => random.NextInt32(backbone.Config.VocabularySize))], 1)),
        ];
        var losses = new List<double>();
        var best = double.PositiveInfinity;
        for (var step = 0; step < Steps; step++)
        {
            var start = Stopwatch.GetTimestamp();
            losses.Add(model.AccumulateGradients(examples, 1f / (Sequences * Length), ForwardOptions.Default) / (Sequences * Length));
            optimizer.Update(Rate, optimizer.GradientNorm());
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return new StepCheck(losses, best, backend.PeakTensorBytes);
    }

    /// <summary>What the plan says of <see cref="TensorBytes"/>: all but the backbone.</summary>
    public static long Plan(MemoryTraits traits)
    {
        var files = BackboneSource.Embedded().Files;
        var plan = MemoryPlan.Count(
            LlamaConfigFile.Read(files), MemoryPlan.FormatIn(files.ReadAll(LlamaConfigFile.Name)), new MokaTrainer.Options { BatchTokens = Sequences * Length },
            new MokaAdapter(), Length, traits);
        return plan.TotalBytes - plan.BackboneBytes;
    }
}
