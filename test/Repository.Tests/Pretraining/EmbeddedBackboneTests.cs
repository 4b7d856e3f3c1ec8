using EverydayWorld;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Pretraining;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Pretraining;

public class EmbeddedBackboneTests
{
    private const string Prefix = "Microsoft.ML.Moka.Backbone.";

    private static readonly MemoryFiles Files = new("embedded", typeof(MokaTrainer).Assembly.GetManifestResourceNames()
        .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
        .ToDictionary(name => name[Prefix.Length..], Content));

    [Fact]
    public void It_is_at_most_3_MB_with_maps_in_4_bits()
    {
        var names = typeof(MokaTrainer).Assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).ToList();

        Assert.Equal(["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"], names.Select(name => name[Prefix.Length..]).Order());
        Assert.InRange(names.Sum(name => Content(name).LongLength), 1, 3_000_000);
        var checkpoint = Checkpoint.Open(Files);
        Assert.All(LlamaConfigFile.Read(Files).LinearMaps, map =>
            Assert.IsType<CodedMatrix>(checkpoint.ReadMatrix($"{map.Name}.weight", map.Rows, map.Columns)));
    }

    [Fact]
    public void Its_tokenizer_is_the_one_that_the_tool_trains()
    {
        var trained = TokenizerFiles.Make(BytePairTrainer.Train(Recipe.TokenizerTexts(new World()), new Recipe().Merges));

        Assert.All(trained, file => Assert.Equal(file.Value, Files.ReadAll(file.Key)));
    }

    [Fact]
    public void It_knows_the_facts_that_tests_ask_about()
    {
        var facts =
            from thing in new World().ThingsOf(Part.Test)
            from relation in Relation.All
            select new Passage([new Piece(string.Format(null, relation.Statements[0].Split(" {1}")[0], thing.Name), 0), new Piece(" " + thing[relation], 1)]);
        var losses = Losses(facts);

        // A loss below ln 2 means that the fact has more than half of the probability.
        Assert.Equal(320, losses.Length);
        Assert.True(losses.Count(loss => loss < MathF.Log(2)) >= 0.97 * losses.Length,
            $"{losses.Count(loss => loss < MathF.Log(2))} of {losses.Length} facts are known.");
    }

    [Fact]
    public void It_compares_what_it_knows_with_what_is_listed_about_things_that_no_quiz_asked_about()
    {
        var quizmaster = new Quizmaster(new World(), Part.Test, 1);
        var losses = Losses(Enumerable.Range(0, 40).Select(_ => quizmaster.ValueLookups(isPlain: false)));

        Assert.Equal(400, losses.Length);
        Assert.True(losses.Count(loss => loss < MathF.Log(2)) >= 0.8 * losses.Length,
            $"{losses.Count(loss => loss < MathF.Log(2))} of {losses.Length} marks are right.");
    }

    private static float[] Losses(IEnumerable<Passage> passages)
    {
        var tokenizer = BackboneTokenizer.Load(Files);
        var config = LlamaConfigFile.Read(Files);
        using var backend = new CpuBackend();
        using var backbone = LlamaBackbone.Frozen(backend, config, new CheckpointWeights(Checkpoint.Open(Files), config, QuantizedForward.Stored));
        var batch = new TrainingBatch();
        batch.Add(tokenizer, passages, 1);
        using var tape = new Tape(backend, recording: false);
        using var hidden = backbone.Forward(tape, batch.Tokens);
        using var rows = backend.Upload(batch.Rows);
        using var predicting = tape.GatherRows(hidden, rows);
        using var targets = backend.Upload(batch.Targets);
        using var weights = backend.Upload(TensorKind.Parameter, batch.Weights, batch.Rows.Length);
        using var losses = backbone.TokenLosses(tape, predicting, targets, weights);
        var values = new float[losses.Length];
        backend.Download(losses, values);
        return values;
    }

    private static byte[] Content(string name)
    {
        using var stream = typeof(MokaTrainer).Assembly.GetManifestResourceStream(name)!;
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    }
}
