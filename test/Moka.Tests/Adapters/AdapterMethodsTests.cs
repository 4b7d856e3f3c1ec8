namespace Microsoft.ML.Moka.Tests.Adapters;

/// <summary>Every method, through the trainer's options, in a saved model.</summary>
public sealed class AdapterMethodsTests(TunedModel tuned) : IDisposable
{
    private readonly MLContext _context = new(seed: 4);
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Names => [.. AdapterMethods.Names];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void ASavedModelOfAnyMethodScoresTheSame(string name)
    {
        var options = tuned.FewSteps;
        options.Adapter = AdapterMethods.Create(name);
        options.Seed = 1;
        using var model = tuned.Pipeline(_context, options).Fit(tuned.Train);
        var path = _folder.File("model.zip");
        _context.Model.Save(model, tuned.Train.Schema, path);

        using var loaded = (IDisposable)_context.Model.Load(path, out _);

        var scores = Scores(model);
        Assert.Equal(scores, Scores((ITransformer)loaded));
        Assert.NotEqual(Untuned(), scores);
        Assert.All(scores, row => Assert.Equal(1, row.Sum(), 1e-4));
    }

    /// <summary>Each method starts at the backbone: no training, no change. LoftQ starts nearer to the backbone in full precision.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void AnyMethodStartsAtTheBackbone(string name)
    {
        var options = tuned.Options;
        options.Adapter = AdapterMethods.Create(name);
        options.NumberOfEpochs = 0;
        using var model = tuned.Pipeline(_context, options).Fit(tuned.Train);

        var (expected, actual) = (Untuned(), Scores(model));
        if (name == "loftq")
            Assert.NotEqual(expected, actual);
        else if (name == "pissa")
            // What is taken from the weight and what is added to it cancel but for rounding.
            Assert.All(expected.Zip(actual), rows => Assert.Equal(rows.First[0], rows.Second[0], 1e-5));
        else
            Assert.Equal(expected, actual);
    }

    private IReadOnlyList<float[]> Untuned()
    {
        var options = tuned.Options;
        options.NumberOfEpochs = 0;
        using var model = tuned.Pipeline(_context, options).Fit(tuned.Train);
        return Scores(model);
    }

    private IReadOnlyList<float[]> Scores(ITransformer model) => TunedModel.Scores(model.Transform(_context.Data.LoadFromEnumerable(Row.Make(6, seed: 3))));
}
