using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.Models;

/// <summary>
/// Saving, loading, and finding the backbone again. Tests here change the environment and the resolver, so they are one class, which runs one by one.
/// </summary>
public sealed class ModelFileTests(TunedModel tuned) : IDisposable
{
    private const string ModelVariable = "MOKA_TEST_MODEL";
    private const string ScoresVariable = "MOKA_TEST_SCORES";
    private const string TargetVariable = "MOKA_TEST_TARGET";

    private static readonly string[] Texts = ["nice cup", "poor hat", "nice box and a poor map"];

    private readonly MLContext _context = new(seed: 4);
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        MokaTransformer.BackboneResolver = null;
        Environment.SetEnvironmentVariable("MOKA_BACKBONE_PATH", null);
        _folder.Dispose();
    }

    [Fact]
    public void ALoadedModelScoresTheSameBitForBit()
    {
        var path = Save(tuned.Chain);

        using var loaded = (IDisposable)_context.Model.Load(path, out var schema);

        Assert.Equal(["Label", "Text"], schema.Select(c => c.Name).Order());
        Assert.Equal(Scores(tuned.Chain), Scores((ITransformer)loaded));
    }

    [Fact]
    public void AFreshProcessLoadsItWithNoRegistration()
    {
        var path = Save(tuned.Chain);

        FreshProcess.Run(typeof(ModelFileTests), nameof(LoadsAndScores), (ModelVariable, path), (ScoresVariable, Bits(Scores(tuned.Chain))));
    }

    [Fact(Explicit = true)]
    public void LoadsAndScores()
    {
        var model = _context.Model.Load(Environment.GetEnvironmentVariable(ModelVariable)!, out _);

        Assert.Equal(Environment.GetEnvironmentVariable(ScoresVariable), Bits(Scores(model)));
    }

    [Fact]
    public void AModelKeepsItsColumnsTemplateAndWords()
    {
        var options = tuned.FewSteps;
        options.InstructionColumnName = "Ask";
        options.InputColumnName = "With";
        options.CandidatesColumnName = "Choices";
        options.ScoreColumnName = "P";
        options.PredictedLabelColumnName = "Said";
        options.MaximumTokens = 50;
        options.PromptTemplate = new PromptTemplate("{instruction} {{or}} {input}: {candidates}", "-", "{instruction}");
        var data = _context.Data.LoadFromEnumerable(Row.Make(10).Select(r => new { r.Label, Ask = r.Text, With = "it", Choices = new[] { "yes", "no" } }));
        using var model = tuned.Pipeline(_context, options).Fit(data).LastTransformer;

        using var loaded = Load(Save(model));

        Assert.Equal(model.Parts with
        {
            Backbone = null!,
            Tokenizer = null!,
            Template = null!,
            Outputs = null!,
        }, loaded.Parts with { Backbone = null!, Tokenizer = null!, Template = null!, Outputs = null! });
        // A key of text is a label that scoring does not read: its names are not kept.
        var names = model.Parts.Outputs.Names with { Label = "", LabelKey = null };
        Assert.Equal(model.Parts.Outputs with { Words = null!, Names = names }, loaded.Parts.Outputs with { Words = null! });
        Assert.Equal(model.Labels, loaded.Labels);
        Assert.Equal(model.Parts.Template.ToString(), loaded.Parts.Template.ToString());
        Assert.Equal(model.TrainableParameterCount, loaded.TrainableParameterCount);
    }

    [Fact]
    public void ALoadedModelCanBeSavedAgain()
    {
        var path = Save(tuned.Model);
        using var loaded = Load(path);

        using var again = Load(Save(loaded, "again.zip"));

        Assert.Equal(Scores(tuned.Model), Scores(again));
    }

    [Fact]
    public void ABackboneInsideNeedsNoFolder()
    {
        var backbone = TinyBackbone.Write(_folder.File("inside"), seed: 21);
        var options = tuned.FewSteps;
        options.BackbonePath = backbone;
        options.SaveBackbone = true;
        using var model = tuned.Pipeline(_context, options).Fit(tuned.Train).LastTransformer;
        var path = Save(model);
        Directory.Delete(backbone, recursive: true);

        using var loaded = Load(path);

        Assert.Equal(Scores(model), Scores(loaded));
        FreshProcess.Run(typeof(ModelFileTests), nameof(LoadsAndScores), (ModelVariable, path), (ScoresVariable, Bits(Scores(model))));
        using var again = Load(Save(loaded, "again.zip"));
        Assert.Equal(Scores(model), Scores(again));
    }

    [Theory]
    [InlineData(BackboneQuantization.None)]
    [InlineData(BackboneQuantization.NF4)]
    public void AHeadThatIsNotTheEmbeddingStaysAlthoughTheConfigSaysThatTheyAreOne(BackboneQuantization quantization)
    {
        var backbone = TinyBackbone.Write(_folder.File("own-head"), seed: 24, TinyBackbone.Config with { TiedHead = false });
        var config = Path.Combine(backbone, "config.json");
        File.WriteAllText(
            config, File.ReadAllText(config).Replace("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true", StringComparison.Ordinal));
        var options = tuned.FewSteps;
        (options.BackbonePath, options.SaveBackbone, options.Quantization) = (backbone, true, quantization);
        using var model = tuned.Pipeline(_context, options).Fit(tuned.Train).LastTransformer;

        using var loaded = Load(Save(model));
        Assert.Equal(Scores(model), Scores(loaded));
        // Other programs go by what the config says.
        model.SaveMerged(_folder.File("merged"));
        Assert.Contains("\"tie_word_embeddings\": false", File.ReadAllText(Path.Combine(_folder.File("merged"), "config.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void ABackboneThatIsToBeInsideButHasChangedIsNotSaved()
    {
        var options = tuned.FewSteps;
        options.BackbonePath = TinyBackbone.Write(_folder.File("changing"), seed: 22);
        options.SaveBackbone = true;
        using var model = tuned.Pipeline(_context, options).Fit(tuned.Train).LastTransformer;
        TinyBackbone.Write(options.BackbonePath, seed: 23);

        var error = Assert.Throws<InvalidOperationException>(() => Save(model));

        Assert.Contains("changed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ABackboneThatMovedIsFoundThroughTheEnvironmentOrTheResolver()
    {
        var (path, moved, expected) = Moved(seed: 24);
        var error = Assert.ThrowsAny<Exception>(() => Load(path));
        Assert.Contains("recorded path", Messages(error), StringComparison.Ordinal);
        Assert.Contains("no such folder", Messages(error), StringComparison.Ordinal);
        Assert.Contains("MOKA_BACKBONE_PATH", Messages(error), StringComparison.Ordinal);

        Environment.SetEnvironmentVariable("MOKA_BACKBONE_PATH", $"/nowhere{Path.PathSeparator}{moved}");
        using (var loaded = Load(path))
            Assert.Equal(expected, Scores(loaded));
        // A folder of backbones serves as well.
        Environment.SetEnvironmentVariable("MOKA_BACKBONE_PATH", Path.GetDirectoryName(moved));
        using (var loaded = Load(path))
            Assert.Equal(expected, Scores(loaded));
        Environment.SetEnvironmentVariable("MOKA_BACKBONE_PATH", null);

        BackboneReference? asked = null;
        MokaTransformer.BackboneResolver = reference =>
        {
            asked = reference;
            return moved;
        };
        using (var loaded = Load(path))
            Assert.Equal(expected, Scores(loaded));
        Assert.EndsWith("moving", asked!.Path, StringComparison.Ordinal);
        Assert.StartsWith("sha256:", asked.Fingerprint, StringComparison.Ordinal);
    }

    [Fact]
    public void AChangedBackboneIsRefused()
    {
        var options = tuned.FewSteps;
        options.BackbonePath = TinyBackbone.Write(_folder.File("changed"), seed: 26);
        string path;
        using (var model = tuned.Pipeline(_context, options).Fit(tuned.Train).LastTransformer)
            path = Save(model);
        var weights = Path.Combine(options.BackbonePath, "model.safetensors");
        var bytes = File.ReadAllBytes(weights);
        bytes[^5] ^= 1;
        File.WriteAllBytes(weights, bytes);

        var error = Messages(Assert.ThrowsAny<Exception>(() => Load(path)));

        Assert.Contains(options.BackbonePath, error, StringComparison.Ordinal);
        Assert.Contains("changed", error, StringComparison.Ordinal);
    }

    [Fact]
    public void ASaveThatFailsLeavesTheEarlierFile()
    {
        var path = Save(tuned.Model);
        var before = File.ReadAllBytes(path);
        var broken = tuned.Pipeline(_context, tuned.FewSteps).Fit(tuned.Train).LastTransformer;
        broken.Dispose();

        Assert.Throws<ObjectDisposedException>(() => _context.Model.SaveAtomically(broken, tuned.Train.Schema, path));

        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void AFolderThatIsNotThereIsMade()
    {
        var path = _folder.File(Path.Combine("not", "yet", "model.zip"));

        _context.Model.SaveAtomically(tuned.Model, tuned.Train.Schema, path);

        Assert.Equal([path], Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void AKillDuringSaveLeavesAWholeModel()
    {
        var path = Save(tuned.Model);
        var target = _folder.File("target.zip");
        var random = new Random(1);
        for (var round = 0; round < 2; round++)
        {
            File.Delete(target);
            using var process = FreshProcess.Start(typeof(ModelFileTests), nameof(SavesUntilItIsKilled), (ModelVariable, path), (TargetVariable, target));
            while (!File.Exists(target))
                Assert.False(process.WaitForExit(20));
            Thread.Sleep(random.Next(60));
            process.Kill();
            process.WaitForExit();

            using var loaded = Load(target);
            Assert.Equal(Scores(tuned.Model), Scores(loaded));
        }
    }

    [Fact(Explicit = true)]
    public void SavesUntilItIsKilled()
    {
        var model = _context.Model.Load(Environment.GetEnvironmentVariable(ModelVariable)!, out var schema);
        while (true)
            _context.Model.SaveAtomically(model, schema, Environment.GetEnvironmentVariable(TargetVariable)!);
    }

    private string Save(ITransformer model, string name = "model.zip")
    {
        var path = _folder.File(name);
        _context.Model.Save(model, tuned.Train.Schema, path);
        return path;
    }

    private MokaTransformer Load(string path)
    {
        var loaded = _context.Model.Load(path, out _);
        return loaded as MokaTransformer ?? (MokaTransformer)((IEnumerable<ITransformer>)loaded).Single();
    }

    private (string Path, string Backbone, IReadOnlyList<float[]> Scores) Moved(ulong seed)
    {
        var options = tuned.FewSteps;
        options.BackbonePath = TinyBackbone.Write(_folder.File("moving"), seed);
        using var model = tuned.Pipeline(_context, options).Fit(tuned.Train).LastTransformer;
        var path = Save(model);
        var moved = Path.Combine(Directory.CreateDirectory(_folder.File("elsewhere")).FullName, "moving");
        Directory.Move(options.BackbonePath, moved);
        return (path, moved, Scores(model));
    }

    private IReadOnlyList<float[]> Scores(ITransformer model) =>
        TunedModel.Scores(model.Transform(_context.Data.LoadFromEnumerable(Texts.Select(text => new Row { Text = text }))));

    private static string Bits(IEnumerable<float[]> scores) => string.Join(' ', scores.SelectMany(s => s).Select(BitConverter.SingleToInt32Bits));

    private static string Messages(Exception? error) => error is null ? "" : $"{error.Message}\n{Messages(error.InnerException)}";
}
