using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>An example of weight n counts as if it were there n times, in the loss and in all gradients: for tokens and for heads.</summary>
public abstract class WeightConformance<TBackends> : Conformance<TBackends>
    where TBackends : BackendCases, new()
{
    public static TheoryData<string, int> NamesAndOutputs => [.. from tested in Backends from outputs in new[] { 0, 1, 3 } select (tested.Name, outputs)];

    [Theory]
    [MemberData(nameof(NamesAndOutputs))]
    public void A_weight_counts_as_the_example_that_often(string name, int outputs)
    {
        var tested = Find(name);
        TrainingExample[] rows = [.. Enumerable.Range(0, 3).Select(i => Example(i, outputs))];
        var (weightedLoss, weighted) = Gradients(tested, outputs, [rows[0].With(2), rows[1], rows[2].With(3)]);
        var (repeatedLoss, repeated) = Gradients(tested, outputs, [rows[0], rows[0], rows[1], rows[2], rows[2], rows[2]]);
        var (_, once) = Gradients(tested, outputs, rows);

        var bound = 100 * tested.Precision;
        Assert.Equal(repeatedLoss, weightedLoss, bound * repeatedLoss);
        var largest = repeated.Max(Math.Abs);
        Assert.True(largest > 0);
        Assert.All(repeated.Zip(weighted), pair => Assert.Equal(pair.First, pair.Second, bound * largest));
        Assert.Contains(repeated.Zip(once), pair => Math.Abs(pair.First - pair.Second) > 0.05 * largest);
    }

    private static TrainingExample Example(int i, int outputs)
    {
        var ids = TinyLlama.Ids(4 + 3 * i, 7 + (ulong)i);
        return outputs == 0 ? new TrainingExample(ids, 2) : new TrainingExample(ids, new HeadTarget(i % outputs, i - 0.5f));
    }

    private static (double Loss, float[] Gradients) Gradients(BackendCase tested, int outputs, TrainingExample[] examples)
    {
        using var backend = tested.Create();
        using var backbone = TinyLlama.Frozen(backend);
        AdapterOptions options = new MokaAdapter { TargetModules = ["q_proj", "down_proj"] };
        if (outputs > 0)
            options = options.WithHead(new ScoreHeadRule(MokaHead.LastToken, outputs, TinyLlama.Config.HiddenSize));
        using var adapters = AdapterSet.Create(backend, options, backbone.Config.LinearMaps, seed: 3);
        foreach (var parameter in adapters.Parameters)
        {
            var values = new float[parameter.Length];
            new SeededRandom(11, parameter.Name).FillNormal(values, 0.3f);
            parameter.Overwrite(backend, values);
        }
        var loss = new TrainedModel(backbone, adapters).AccumulateGradients(examples, 0.25f, ForwardOptions.Default);
        return (loss, [.. adapters.Parameters.SelectMany(parameter => TinyLlama.Download(backend, parameter.Gradient))]);
    }
}
