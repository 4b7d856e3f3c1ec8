using Microsoft.ML.Moka.Orleans.Serving;
using Microsoft.ML.Transforms.Text;

namespace Microsoft.ML.Moka.Tests.Orleans;

/// <summary>Which texts are asked together, and whose turn it is.</summary>
public sealed class WaitingTextsTests : IDisposable
{
    private readonly MLContext _context = new(seed: 1);
    private readonly List<ServedModel> _models = [];

    public void Dispose()
    {
        foreach (var model in _models)
            model.Dispose();
    }

    [Fact]
    public void Tenants_take_turns()
    {
        var model = Model();
        using var waiting = new WaitingTexts(new MokaServingOptions { MaximumBatch = 4 });
        Add(waiting, model, "a", "a1", "a2", "a3", "a4", "a5", "a6");
        Add(waiting, model, "b", "b1", "b2");
        Add(waiting, model, "c", "c1");

        Assert.Equal(["a1", "b1", "c1", "a2"], Take(waiting));
        Add(waiting, model, "c", "c2");
        Assert.Equal(["b2", "a3", "c2", "a4"], Take(waiting));
        Assert.Equal(["a5", "a6"], Take(waiting));
    }

    [Fact]
    public void What_does_not_go_together_is_asked_by_itself()
    {
        var (first, second, alone) = (Model(), Model(), Model(normalizes: true));
        using var waiting = new WaitingTexts(new MokaServingOptions());
        Add(waiting, alone, "a", "a1", "a2");
        Add(waiting, first, "b", "b1");
        Add(waiting, second, "c", "c1");
        Add(waiting, alone, "c", "c2");

        Assert.Equal(["a1", "c2", "a2"], Take(waiting));
        Assert.Equal(["b1", "c1"], Take(waiting).Order());
    }

    [Fact]
    public void A_tenants_texts_count_until_they_are_answered()
    {
        var model = Model();
        using var waiting = new WaitingTexts(new MokaServingOptions { MaximumTextsOfTenant = 2, TextsOfTenant = { ["large"] = 3, ["none"] = 0 } });
        Add(waiting, model, "small", "s1", "s2");
        Add(waiting, model, "large", "l1", "l2", "l3");

        Assert.Throws<MokaTenantLimitException>(() => Add(waiting, model, "small", "s3"));
        Assert.Throws<MokaTenantLimitException>(() => Add(waiting, model, "none", "n1"));
        var batch = waiting.Take(TestContext.Current.CancellationToken);
        Assert.Equal(5, batch.Count);
        Assert.Throws<MokaTenantLimitException>(() => Add(waiting, model, "large", "l4"));
        foreach (var text in batch)
            waiting.Answered(text);
        Add(waiting, model, "small", "s3", "s4");
        Assert.Equal(["s3", "s4"], Take(waiting));
    }

    private static void Add(WaitingTexts waiting, ServedModel model, string tenant, params string[] texts) =>
        waiting.Add(tenant, [.. texts.Select(text => new WaitingText(model, text, tenant))]);

    private static IEnumerable<string> Take(WaitingTexts waiting) => waiting.Take(TestContext.Current.CancellationToken).Select(text => text.Text);

    /// <param name="normalizes">Whether a step before the model changes the text, so that it is not scored beside others.</param>
    private ServedModel Model(bool normalizes = false)
    {
        var rows = _context.Data.LoadFromEnumerable(new[] { new Row("the pot broke", "clay"), new Row("my coat tore", "cloth") });
        var trainer = _context.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options { BatchTokens = 64, NumberOfSteps = 1 });
        using var model = normalizes
            ? (IDisposable)_context.Transforms.Text.NormalizeText("Text", caseMode: TextNormalizingEstimator.CaseMode.Upper).Append(trainer).Fit(rows)
            : trainer.Fit(rows);
        using var file = new MemoryStream();
        _context.Model.Save((ITransformer)model, rows.Schema, file);
        file.Position = 0;
        var served = new ServedModel(_context, file);
        _models.Add(served);
        var texts = new[] { "the pot broke", "Wool" };
        Assert.Equal(
            _context.Model.PredictAllLabels((ITransformer)model, texts).Select(one => one.Probability),
            ServedModel.Predict([.. texts.Select(text => (served, text))]).Select(one => one.Probability));
        return served;
    }

    private sealed record Row(string Text, string Label);
}
