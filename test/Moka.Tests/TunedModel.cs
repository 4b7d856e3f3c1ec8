using Microsoft.ML.Data;

[assembly: AssemblyFixture(typeof(Microsoft.ML.Moka.Tests.TunedModel))]

namespace Microsoft.ML.Moka.Tests;

/// <summary>A model tuned once for all tests that only look at one.</summary>
public sealed class TunedModel : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Lazy<TransformerChain<MokaTransformer>> _model;

    public TunedModel()
    {
        BackbonePath = TinyBackbone.Write(_folder.File("tiny"));
        _model = new(() => Pipeline(Context).Fit(Train));
    }

    public MLContext Context { get; } = new(seed: 1);

    public string BackbonePath { get; }

    public IDataView Train => Context.Data.LoadFromEnumerable(Row.Make(100));

    /// <summary>MapValueToKey and Moka.</summary>
    public TransformerChain<MokaTransformer> Chain => _model.Value;

    public MokaTransformer Model => Chain.LastTransformer;

    /// <summary>Enough training to tell the two words apart.</summary>
    public MokaTrainer.Options Options => new()
    {
        BackbonePath = BackbonePath,
        PromptTemplate = new PromptTemplate("{text} is"),
        NumberOfEpochs = 15,
        BatchTokens = 256,
        LearningRate = 1e-2f,
    };

    /// <summary>Two steps: for tests that only need a model.</summary>
    public MokaTrainer.Options FewSteps
    {
        get
        {
            var options = Options;
            options.NumberOfSteps = 2;
            return options;
        }
    }

    public EstimatorChain<MokaTransformer> Pipeline(MLContext context, MokaTrainer.Options? options = null) =>
        context.Transforms.Conversion.MapValueToKey("Label")
            .Append(context.MulticlassClassification.Trainers.Moka(options ?? Options));

    public static IReadOnlyList<float[]> Scores(IDataView scored)
    {
        var column = scored.Schema["Score"];
        using var cursor = scored.GetRowCursor([column]);
        var getter = cursor.GetGetter<VBuffer<float>>(column);
        var scores = new List<float[]>();
        var value = default(VBuffer<float>);
        while (cursor.MoveNext())
        {
            getter(ref value);
            scores.Add([.. value.DenseValues()]);
        }
        return scores;
    }

    public void Dispose()
    {
        if (_model.IsValueCreated)
            _model.Value.Dispose();
        _folder.Dispose();
    }
}
