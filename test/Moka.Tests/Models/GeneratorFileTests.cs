using System.IO.Compression;
using Microsoft.ML.Moka.Tests.Generation;

namespace Microsoft.ML.Moka.Tests.Models;

/// <summary>Saving and loading a generator; what it shares with classifiers is tested there.</summary>
public sealed class GeneratorFileTests(WritingModel writing) : IDisposable
{
    private const string ModelVariable = "MOKA_TEST_GENERATOR";

    private readonly MLContext _context = new(seed: 4);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_loaded_model_writes_the_same_and_keeps_its_options()
    {
        var options = writing.FewSteps;
        options.GeneratedColumnName = "Said";
        options.Generation = new() { MaximumNewTokens = 9, Temperature = 0.7f, TopK = 30, TopP = 0.9f, Seed = long.MinValue + 1, StopWords = ["\n", "\"}"],
            FrequencyPenalty = -0.3f, PresencePenalty = 1.7f };
        using var model = WritingModel.Trainer(_context, options).Fit(writing.Train);

        using var loaded = Load(Save(model));

        Assert.Equal(model.Options, loaded.Options);
        Assert.Equal(model.Parts with
        {
            Backbone = null!,
            Tokenizer = null!,
            Template = null!,
        }, loaded.Parts with { Backbone = null!, Tokenizer = null!, Template = null! });
        Assert.Equal(model.Parts.Template.ToString(), loaded.Parts.Template.ToString());
        Assert.Equal(WritingModel.Texts(model.Transform(writing.Train), "Said"), WritingModel.Texts(loaded.Transform(writing.Train), "Said"));
        loaded.Options = loaded.Options with { Seed = 3 };
        using var again = Load(Save(loaded, "again.zip"));
        Assert.Equal(3, again.Options.Seed);
    }

    [Fact]
    public void A_fresh_process_loads_it_with_no_registration() =>
        FreshProcess.Run(typeof(GeneratorFileTests), nameof(LoadsAndWrites), (ModelVariable, Save(writing.Model)));

    [Fact(Explicit = true)]
    public void LoadsAndWrites()
    {
        var model = _context.Model.Load(Environment.GetEnvironmentVariable(ModelVariable)!, out _);

        Assert.Equal(WritingModel.Orders.Select(order => order.Output), WritingModel.Texts(model.Transform(writing.Train)));
    }

    [Fact]
    public void A_backbone_inside_needs_no_folder()
    {
        var options = writing.FewSteps;
        options.BackbonePath = TinyBackbone.Write(_folder.File("inside"), seed: 31);
        options.SaveBackbone = true;
        using var model = WritingModel.Trainer(_context, options).Fit(writing.Train);
        var path = Save(model);
        Directory.Delete(options.BackbonePath, recursive: true);

        using var loaded = Load(path);

        Assert.Equal(WritingModel.Texts(model.Transform(writing.Train)), WritingModel.Texts(loaded.Transform(writing.Train)));
    }

    [Fact]
    public void What_was_trained_can_be_looked_at() =>
        Assert.Equal(writing.Model.TrainableParameterCount, writing.Model.Inspect(largestSpectrum: 0).Maps.Sum(map => map.TrainableParameterCount));

    [Theory]
    [InlineData("\"top_p\": 1", "\"top_p\": 7", "top_p")]
    [InlineData("\"max_new_tokens\": 40", "\"max_new_tokens\": 0", "max_new_tokens")]
    [InlineData("\"seed\": null", "\"seed\": \"x\"", "seed")]
    [InlineData("\"presence_penalty\": 0", "\"presence_penalty\": 3", "PresencePenalty")]
    [InlineData("\"stop_words\": []", "\"stop_words\": [\"\"]", "StopWords")]
    [InlineData("\"generated\": \"Generated\"", "\"generated\": \"\"", "generated")]
    [InlineData("\"generation\"", "\"generatio\"", "generation")]
    public void A_damaged_manifest_is_named(string found, string put, string expected)
    {
        var path = Save(writing.Model);
        using (var zip = ZipFile.Open(path, ZipArchiveMode.Update))
        {
            var entry = zip.Entries.Single(e => e.Name == "moka.json");
            string json;
            using (var reader = new StreamReader(entry.Open()))
                json = reader.ReadToEnd();
            Assert.Contains(found, json, StringComparison.Ordinal);
            using var stream = entry.Open();
            stream.SetLength(0);
            using var writer = new StreamWriter(stream);
            writer.Write(json.Replace(found, put, StringComparison.Ordinal));
        }

        var error = Assert.ThrowsAny<Exception>(() => Load(path));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    private string Save(MokaTextGenerator model, string name = "model.zip")
    {
        var path = _folder.File(name);
        _context.Model.SaveAtomically(model, writing.Train.Schema, path);
        return path;
    }

    private MokaTextGenerator Load(string path)
    {
        var loaded = _context.Model.Load(path, out _);
        return loaded as MokaTextGenerator ?? (MokaTextGenerator)((IEnumerable<ITransformer>)loaded).Single();
    }
}
