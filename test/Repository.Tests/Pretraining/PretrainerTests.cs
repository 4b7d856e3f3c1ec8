using EverydayWorld;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Pretraining;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Pretraining;

public class PretrainerTests
{
    private static readonly World Default = new();
    private static readonly BackboneTokenizer Tokenizer = TokenizerTrainingTests.Train(60);
    private static readonly Recipe Small = new()
    {
        Stages =
        [
            new("copies", Layers: 1, LearningRate: 1e-2f, Steps: 1), new("facts", Layers: 1, LearningRate: 1e-2f, Steps: 2),
            new("drills", Layers: 2, LearningRate: 1e-2f, Steps: 1), new("quizzes", Layers: 3, LearningRate: 1e-2f, Steps: 2),
        ],
        Width = 64, MlpWidth = 64, Heads = 4, Merges = 60, QuantizedShare = 0.34, WarmUpSteps = 1,
    };

    [Fact]
    public void Rows_predict_the_learned_tokens_and_the_weights_of_each_kind_make_its_share()
    {
        var batch = new TrainingBatch();
        var kept = batch.Add(Tokenizer, [new Passage([new Piece("Is it?", 0), new Piece(" yes", 1), new Piece(",", 0)])], 0.25f);
        batch.Add(Tokenizer, [new Passage([new Piece("The cup", 0.1f), new Piece(" wood", 1)])], 0.75f);

        var yes = Tokenizer.Encode(" yes", false);
        Assert.Equal(yes, batch.Targets[kept].ToArray());
        for (var i = 0; i < batch.Rows.Length; i++)
            Assert.Equal(batch.Targets[i], batch.Tokens.Ids[batch.Rows[i] + 1]);
        Assert.Equal(0.25, batch.Weights[kept].ToArray().Sum(), 1e-6);
        Assert.Equal(1, batch.Weights.ToArray().Sum(), 1e-6);
    }

    [Fact]
    public void Training_lowers_the_loss_and_every_stage_puts_its_layers_on_those_before()
    {
        var reports = new List<string>();
        using var backend = new CpuBackend();
        using var pretrainer = new Pretrainer(Small, Default, Tokenizer, backend);
        pretrainer.Run(reports.Add, _ => { }, reportEvery: 1, keepEvery: 1000, TestContext.Current.CancellationToken);

        static double Facts(string report) => double.Parse(report.Split("facts ")[1].Split([',', ';'])[0], System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(6, reports.Count);
        Assert.DoesNotContain("facts", reports[0].Split("untold")[0], StringComparison.Ordinal);
        Assert.True(Facts(reports[^1]) < Facts(reports[1]) - 0.3, $"{reports[1]}\n{reports[^1]}");
        Assert.DoesNotContain("verdicts", reports[2].Split("untold")[0], StringComparison.Ordinal);
        Assert.Contains("verdicts", reports[3].Split("untold")[0], StringComparison.Ordinal);
        Assert.Equal(3, pretrainer.Backbone.Config.LayerCount);
    }

    [Fact]
    public void The_first_heads_look_back_and_the_others_at_what_is_alike()
    {
        var config = new Recipe().Config(Tokenizer, stage: 0);
        using var backend = new CpuBackend();
        var weights = new InitialWeights(config, 1);
        var query = Dequantizer.ToFloats(weights.Matrix("model.layers.0.self_attn.q_proj.weight", 128, 128, true));
        var key = Dequantizer.ToFloats(weights.Matrix("model.layers.0.self_attn.k_proj.weight", 128, 128, true));
        double Score(int head, int distance) => Enumerable.Range(0, 16).Sum(i =>
        {
            var (re, im) = (head * 32 + i, head * 32 + 16 + i);
            var angle = Math.Atan2(query[im * 128], query[re * 128]) - Math.Atan2(key[im * 128], key[re * 128]) + distance * Math.Pow(10000, -i / 16.0);
            return Math.Sqrt(Square(query, re, im) * Square(key, re, im)) * Math.Cos(angle);
        });

        Assert.Equal(1, Enumerable.Range(0, 12).MaxBy(distance => Score(0, distance)));
        Assert.Equal(2, Enumerable.Range(0, 12).MaxBy(distance => Score(1, distance)));
        Assert.InRange(Enumerable.Range(0, 12).MaxBy(distance => Score(2, distance)), 3, 5);
        Assert.Equal(query[(3 * 32 * 128)..], key[(3 * 32 * 128)..]);

        static double Square(float[] values, int re, int im) => values[re * 128] * values[re * 128] + values[im * 128] * values[im * 128];
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void A_run_that_was_stopped_ends_as_one_that_was_not(int stop)
    {
        using var backend = new CpuBackend();
        Dictionary<string, float[]> kept = [];
        Dictionary<string, float[]> Run(Dictionary<string, float[]>? from)
        {
            using var pretrainer = new Pretrainer(Small, Default, Tokenizer, backend);
            if (from is not null)
                pretrainer.Restore(name => from[name]);
            pretrainer.Run(_ =>
                { }, state => kept = state.Step == stop ? Copy(state) : kept, reportEvery: 1000, keepEvery: 1, TestContext.Current.CancellationToken);
            return Copy(pretrainer);
        }

        var whole = Run(null);
        var continued = Run(kept);

        Assert.Equal(whole.Keys, continued.Keys);
        Assert.All(whole, tensor => Assert.Equal(tensor.Value, continued[tensor.Key]));

        static Dictionary<string, float[]> Copy(Pretrainer pretrainer) => pretrainer.State().ToDictionary(tensor => tensor.Name, tensor => tensor.ToFloats());
    }

    [Fact]
    public void The_folder_holds_a_backbone_with_quantized_maps()
    {
        using var folder = new TemporaryFolder();
        using var backend = new CpuBackend();
        using var pretrainer = new Pretrainer(Small, Default, Tokenizer, backend);
        BackboneFolder.Write(folder.Path, pretrainer.Backbone, Tokenizer.Files);

        var files = new FolderFiles(folder.Path);
        var config = LlamaConfigFile.Read(files);
        Assert.Equal(pretrainer.Backbone.Config.ParameterCount, config.ParameterCount);
        using var backbone = LlamaBackbone.Frozen(backend, config, new CheckpointWeights(Checkpoint.Open(files), config, QuantizedForward.Stored));
        Assert.All(backbone.LinearMaps, map => Assert.True(map.Weight.ByteCount < map.Shape.Rows * map.Shape.Columns));

        // Quantized in place, the trained backbone computes what the stored one does, up to the rounding of embeddings and norms.
        using var quantized = new QuantizedForward(pretrainer.Backbone);
        quantized.Enter();
        var ids = BackboneTokenizer.Load(files).Encode("The cup is made of", addBeginOfSequence: true);
        var expected = Hidden(pretrainer.Backbone, ids);
        var actual = Hidden(backbone, ids);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 0.05));
    }

    private static float[] Hidden(LlamaBackbone backbone, int[] ids)
    {
        using var tape = new Tape(backbone.Backend, recording: false);
        using var hidden = backbone.Forward(tape, RaggedBatch.Of(ids));
        var values = new float[hidden.Value.Length];
        backbone.Backend.Download(hidden.Value, values);
        return values;
    }
}
