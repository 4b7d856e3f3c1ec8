using Microsoft.Extensions.AI;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>Texts as vectors, for ML.NET's trainers and for Microsoft.Extensions.AI.</summary>
public sealed class EmbeddingTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly MLContext _context = tuned.Context;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ML_NET_trains_evaluates_saves_and_loads_on_vectors()
    {
        var pipeline = _context.Transforms.Conversion.MapValueToKey("Label")
            .Append(_context.Transforms.Text.MokaEmbedding(backbonePath: tuned.BackbonePath))
            .Append(_context.MulticlassClassification.Trainers.SdcaMaximumEntropy())
            .Append(_context.Transforms.Conversion.MapKeyToValue("PredictedLabel"));
        var model = pipeline.Fit(tuned.Train);
        var test = _context.Data.LoadFromEnumerable(Row.Make(40, seed: 5));

        Assert.Equal(1, _context.MulticlassClassification.Evaluate(model.Transform(test)).MicroAccuracy);
        _context.Model.Save(model, tuned.Train.Schema, _folder.File("model.zip"));
        using var loaded = (TransformerChain<ITransformer>)_context.Model.Load(_folder.File("model.zip"), out _);
        Assert.Equal(Vectors(model.Transform(test)), Vectors(loaded.Transform(test)));
        Assert.Equal(TunedModel.Scores(model.Transform(test)), TunedModel.Scores(loaded.Transform(test)));
        using var engine = _context.Model.CreatePredictionEngine<Row, Prediction>(loaded);
        Assert.Equal(Row.Make(40, seed: 5)[7].Label, engine.Predict(Row.Make(40, seed: 5)[7]).PredictedLabel);
    }

    /// <summary>A trainer passes over its input, and an evaluation again: a row's vector is computed once for each view.</summary>
    [Fact]
    public void A_view_computes_a_row_once()
    {
        using var model = _context.Transforms.Text.MokaEmbedding(backbonePath: tuned.BackbonePath).Fit(tuned.Train);
        var view = model.Transform(tuned.Train);
        var first = Vectors(view);
        // Whatever is computed from now on is something else.
        var backend = model.Weights.Backbone.Backend;
        foreach (var parameter in model.Weights.Adapters.Parameters)
        {
            using var ones = backend.Upload(
                TensorKind.Parameter, Enumerable.Repeat(1f, (int)parameter.Length).ToArray(), parameter.Value.Rows, parameter.Value.Columns);
            backend.Copy(ones, parameter.Value);
        }

        Assert.Equal(first, Vectors(view));
        Assert.NotEqual(first, Vectors(model.Transform(tuned.Train)));
    }

    [Fact]
    public async Task An_adapter_changes_vectors_and_its_head_does_not_matter()
    {
        var options = tuned.FewSteps;
        options.Head = MokaHead.LastToken;
        using var trained = tuned.Pipeline(_context, options).Fit(tuned.Train);
        trained.LastTransformer.SaveAdapter(_folder.File("adapter"));
        using var plain = _context.Transforms.Text.MokaEmbedding(backbonePath: tuned.BackbonePath).Fit(tuned.Train);
        using var adapted = _context.Transforms.Text.MokaEmbedding("Vector", "Text", tuned.BackbonePath, _folder.File("adapter")).Fit(tuned.Train);

        var vectors = Vectors(adapted.Transform(tuned.Train), "Vector");
        Assert.NotEqual(Vectors(plain.Transform(tuned.Train)), vectors);
        _context.Model.Save(adapted, tuned.Train.Schema, _folder.File("model.zip"));
        using var loaded = (MokaEmbeddingTransformer)_context.Model.Load(_folder.File("model.zip"), out _);
        Assert.Equal(vectors, Vectors(loaded.Transform(tuned.Train), "Vector"));
        Assert.Equal(TinyBackbone.Config.HiddenSize, loaded.Dimensions);
        // The model that was trained says the same by itself.
        var texts = Row.Make(100).Select(row => row.Text);
        var generated = await trained.LastTransformer.AsEmbeddingGenerator().GenerateAsync(texts, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(vectors, generated.Select(e => e.Vector.ToArray()));
    }

    [Fact]
    public async Task A_generator_gives_the_vectors_of_rows_whatever_is_beside_them()
    {
        using var model = _context.Transforms.Text.MokaEmbedding(backbonePath: tuned.BackbonePath).Fit(tuned.Train);
        using IEmbeddingGenerator<string, Embedding<float>> generator = model.AsEmbeddingGenerator();
        string[] texts = [.. Row.Make(100).Select(row => row.Text)];
        var cancellation = TestContext.Current.CancellationToken;

        var together = await generator.GenerateAsync(texts, cancellationToken: cancellation);
        Assert.Equal(Vectors(model.Transform(tuned.Train)), together.Select(embedding => embedding.Vector.ToArray()));
        Assert.Equal(together[3].Vector.ToArray(), (await generator.GenerateVectorAsync(texts[3], cancellationToken: cancellation)).ToArray());
        Assert.Empty(await generator.GenerateAsync([], cancellationToken: cancellation));
        var tokens = MokaBackbone.LoadTokenizer(tuned.BackbonePath);
        // Each has the token that begins a sequence.
        Assert.Equal(texts.Sum(text => 1 + tokens.CountTokens(text)), together.Usage!.InputTokenCount);

        var metadata = generator.GetRequiredService<EmbeddingGeneratorMetadata>();
        Assert.Equal(("moka", "tiny", TinyBackbone.Config.HiddenSize), (metadata.ProviderName, metadata.DefaultModelId, metadata.DefaultModelDimensions));
        Assert.Same(model, generator.GetService<MokaEmbeddingTransformer>());
        await generator.GenerateAsync(texts[..1], new() { Dimensions = TinyBackbone.Config.HiddenSize, ModelId = "tiny" }, cancellation);
    }

    [Theory]
    [InlineData("Dimensions is 7")]
    [InlineData("ModelId is 'other'")]
    [InlineData("AdditionalProperties has 'pooling'")]
    [InlineData("RawRepresentationFactory makes a String")]
    [InlineData("Text 2 of 2 is null")]
    public async Task What_a_generator_cannot_do_is_refused_by_name(string named)
    {
        var generator = tuned.Model.AsEmbeddingGenerator();
        var options = new EmbeddingGenerationOptions();
        if (named.StartsWith('D'))
            options.Dimensions = 7;
        if (named.StartsWith('M'))
            options.ModelId = "other";
        if (named.StartsWith('A'))
            options.AdditionalProperties = new() { ["pooling"] = "last" };
        if (named.StartsWith('R'))
            options.RawRepresentationFactory = _ => "raw";
        var error = await Assert.ThrowsAnyAsync<Exception>(
            () => generator.GenerateAsync(named.StartsWith('T') ? ["a", null!] : ["a"], options, TestContext.Current.CancellationToken));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelled_and_disposed_work_says_so()
    {
        var model = _context.Transforms.Text.MokaEmbedding(backbonePath: tuned.BackbonePath).Fit(tuned.Train);
        var generator = model.AsEmbeddingGenerator();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generator.GenerateAsync(["a"], cancellationToken: new(canceled: true)));
        model.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => generator.GenerateAsync(["a"], cancellationToken: TestContext.Current.CancellationToken));
    }

    [Fact]
    public void The_schema_is_exact_and_what_is_wrong_is_said_before_anything_is_loaded()
    {
        var estimator = _context.Transforms.Text.MokaEmbedding("Vector", "Text", tuned.BackbonePath);
        using var model = estimator.Fit(tuned.Train);
        var output = model.GetOutputSchema(tuned.Train.Schema);
        Assert.Equal(
            SchemaTests.Describe(SchemaTests.ShapeOf(output)), SchemaTests.Describe(estimator.GetOutputSchema(SchemaTests.ShapeOf(tuned.Train.Schema))));
        Assert.Equal(TinyBackbone.Config.HiddenSize, ((VectorDataViewType)output["Vector"].Type).Size);

        Contains("'Txt'", Assert.Throws<ArgumentOutOfRangeException>(() => _context.Transforms.Text.MokaEmbedding("Vector", "Txt").Fit(tuned.Train)));
        var error = Assert.Throws<ArgumentException>(() => _context.Transforms.Text.MokaEmbedding(new MokaEmbeddingEstimator.Options
        {
            BackbonePath = "nowhere", AdapterPath = "no/adapter", OutputColumnName = "Text", MaximumTokens = 3, PromptTemplate = PromptTemplate.Classification,
            Precision = (MokaPrecision)9, Quantization = (BackboneQuantization)9,
        }));
        string[] parts =
        [
            "BackbonePath is", "AdapterPath is 'no/adapter'", "an output must not hide an input", "MaximumTokens is 3", "reads a text alone", "Precision is 9",
            "Quantization is 9",
        ];
        Assert.All(parts, part => Contains(part, error));
    }

    [Fact]
    public void Texts_that_are_too_long_or_blank_are_told_and_the_template_is_used()
    {
        var context = new MLContext(seed: 1);
        var log = new List<string>();
        context.Log += (_, e) => log.Add(e.RawMessage);
        Row[] rows = [new() { Text = new string('a', 500) }, new() { Text = " " }, new() { Text = "nice cup" }];
        var view = context.Data.LoadFromEnumerable(rows);
        using var plain = context.Transforms.Text.MokaEmbedding(backbonePath: tuned.BackbonePath).Fit(view);
        using var asked = context.Transforms.Text.MokaEmbedding(new MokaEmbeddingEstimator.Options
        {
            BackbonePath = tuned.BackbonePath, PromptTemplate = new PromptTemplate("query: {text}"), MaximumTokens = 20,
        }).Fit(view);

        Assert.NotEqual(Vectors(plain.Transform(view))[2], Vectors(asked.Transform(view))[2]);
        Assert.Contains(log, line => line.Contains("lost their beginning: 1", StringComparison.Ordinal));
        Assert.Contains(log, line => line.Contains("whose vectors are all the same: 1", StringComparison.Ordinal));
    }

    private static void Contains(string part, Exception error) => Assert.Contains(part, error.Message, StringComparison.Ordinal);

    private static List<float[]> Vectors(IDataView view, string name = "Features") =>
        [.. view.GetColumn<float[]>(name)];
}
