using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.Checkpoints.Gguf;

/// <summary>A GGUF where users name a backbone.</summary>
public sealed class GgufBackbonePathTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly MLContext _context = new(seed: 1);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_model_is_tuned_saved_and_loaded(bool includesBackbone)
    {
        var options = new MokaTrainer.Options
        {
            BackbonePath = Write(), PromptTemplate = new PromptTemplate("{text} is"), NumberOfSteps = 2, BatchTokens = 128, SaveBackbone = includesBackbone,
        };
        var rows = _context.Data.LoadFromEnumerable(Enumerable.Range(0, 8).Select(i => new Row { Text = $"the {i}", Label = i % 2 == 0 ? "even" : "odd" }));
        var pipeline = _context.Transforms.Conversion.MapValueToKey("Label").Append(_context.MulticlassClassification.Trainers.Moka(options));
        using var model = pipeline.Fit(rows);
        _context.Model.Save(model, rows.Schema, _folder.File("model.zip"));
        if (includesBackbone)
            File.Delete(options.BackbonePath);
        var loaded = _context.Model.Load(_folder.File("model.zip"), out _);
        using var disposed = loaded as IDisposable;
        Assert.Equal(Scores(model, rows), Scores(loaded, rows));
    }

    [Fact]
    public void Descriptions_and_plans_read_it()
    {
        var path = Write();
        var description = BackboneDescription.Of(path);
        Assert.Equal(("F32", "byte-level BPE", 2, path), (description.WeightFormat, description.Tokenizer, description.LayerCount, description.Location));
        Assert.Equal(description.ParameterCount, AdapterDesigner.ForBackbone(path).BackboneParameterCount);
        Assert.True(MemoryPlan.ForTraining(new MokaTrainer.Options { BackbonePath = path }).BackboneBytes > 0);
    }

    [Fact]
    public void A_file_that_is_absent_or_another_is_refused_by_name()
    {
        var options = new MokaTrainer.Options { BackbonePath = _folder.File("absent.gguf") };
        Assert.Contains("absent.gguf", Assert.Throws<ArgumentException>(() => _context.MulticlassClassification.Trainers.Moka(options)).Message,
            StringComparison.Ordinal);
        File.WriteAllText(_folder.File("text.gguf"), "version https://git-lfs.github.com/spec/v1");
        Assert.Contains("text.gguf", Assert.Throws<InvalidDataException>(() => BackboneDescription.Of(_folder.File("text.gguf"))).Message,
            StringComparison.Ordinal);
    }

    private string Write()
    {
        var path = _folder.File("backbone.gguf");
        File.WriteAllBytes(path, new TinyGguf().ToArray());
        return path;
    }

    private static List<float[]> Scores(ITransformer model, IDataView rows)
    {
        var scored = model.Transform(rows);
        return [.. scored.GetColumn<float[]>("Score")];
    }

    private sealed class Row
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";
    }
}
