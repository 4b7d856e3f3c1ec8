using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Interchange.Gguf;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Interchange.Gguf;

/// <summary>A tuned model as GGUF, read again by ourselves and by llama.cpp.</summary>
public sealed class GgufExportTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<GgufFormat> Formats => [.. Enum.GetValues<GgufFormat>()];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Formats))]
    public void Every_form_is_read_again(GgufFormat format)
    {
        var path = _folder.File("tuned.gguf");
        var shares = new List<double>();
        tuned.Model.SaveGguf(path, new GgufOptions { Format = format, Progress = shares.Add });
        tuned.Model.SaveMerged(_folder.File("merged"));

        using var expected = Checkpoint.Open(new FolderFiles(_folder.File("merged")));
        using var actual = GgufModel.Open(path);
        Assert.Equal(expected.Names.Order(), actual.Names.Order());
        foreach (var name in expected.Names)
        {
            var (values, written) = (expected[name].ToFloats(), actual[name].ToFloats());
            var largest = values.Max(Math.Abs);
            var tolerance = (expected[name].Shape.Count, format) switch
            {
                (1, _) or (_, GgufFormat.F32) => 0,
                (_, GgufFormat.F16) => 1.0 / 2048,
                (_, GgufFormat.BF16) => 1.0 / 256,
                (_, GgufFormat.Q8_0) => 1.0 / 240,
                _ => 1.0 / 8,
            };
            Assert.All(values.Zip(written), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, tolerance * largest));
            var type = expected[name].Shape.Count == 1 ? "F32"
                : format == GgufFormat.Q4_0 && name == TensorNames.Embedding ? "Q8_0" : format.ToString();
            Assert.Equal(type, actual[name].Type);
        }
        Assert.Equal(1, shares[^1]);
        Assert.Equal(shares.Order(), shares);
        Assert.Equal("tuned", actual.Metadata.Text("general.name"));
        var (tokenizer, again) = (BackboneTokenizer.Load(tuned.BackbonePath), BackboneTokenizer.Load(new GgufFiles(path)));
        const string Text = "the king and an aaaa  é日本 12 23!\n\n";
        Assert.Equal(tokenizer.Encode(Text, false), again.Encode(Text, false));
        Assert.Equal(tokenizer.EndsOfSequence, again.EndsOfSequence);
        Assert.Equal(tokenizer.BeginOfSequence, again.BeginOfSequence);
        Assert.Equal(tokenizer.StartsWithBeginOfSequence, again.StartsWithBeginOfSequence);
        var config = LlamaConfigFile.Read(new GgufFiles(path));
        Assert.Equal(
            LlamaConfigFile.Write(
                LlamaConfigFile.Read(new FolderFiles(tuned.BackbonePath)) with { EosTokenIds = config.EosTokenIds, BosTokenId = config.BosTokenId }),
            LlamaConfigFile.Write(config));
    }

    [Fact]
    public void A_Modelfile_lies_beside_it_unless_it_is_not_wanted()
    {
        tuned.Model.SaveGguf(_folder.File("a b.gguf"));
        Assert.Equal(
            "FROM ./a b.gguf\n" +
            "# No TEMPLATE: chats are formed by the model's own tokenizer.chat_template, where it has one that Ollama knows.\n" +
            $"PARAMETER stop \"{SmallEnd()}\"\n", File.ReadAllText(_folder.File("a b.Modelfile")));
        tuned.Model.SaveGguf(_folder.File("c.gguf"), new GgufOptions { WithModelfile = false });
        Assert.False(File.Exists(_folder.File("c.Modelfile")));
        using var lora = Fit(new LoraAdapter { Rank = 2 });
        lora.SaveAdapterGguf(_folder.File("d.gguf"), "llama2:7b");
        Assert.StartsWith("FROM llama2:7b\nADAPTER ./d.gguf\n", File.ReadAllText(_folder.File("d.Modelfile")), StringComparison.Ordinal);
        lora.SaveAdapterGguf(_folder.File("e.gguf"));
        Assert.StartsWith($"FROM {tuned.BackbonePath}\nADAPTER ./e.gguf\n", File.ReadAllText(_folder.File("e.Modelfile")), StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_written_leaves_what_was_there()
    {
        var path = _folder.File("model.gguf");
        tuned.Model.SaveGguf(path);
        var before = File.ReadAllBytes(path);
        using var cancellation = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => tuned.Model.SaveGguf(path, new GgufOptions
        {
            Format = GgufFormat.F32,
            Progress = _ => cancellation.Cancel(),
            CancellationToken = cancellation.Token,
        }));
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Equal(["model.Modelfile", "model.gguf"], Directory.GetFiles(_folder.Path).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        Assert.Contains(
            "does not end in .gguf", Assert.Throws<ArgumentException>(() => tuned.Model.SaveGguf(_folder.File("model"))).Message, StringComparison.Ordinal);
        Assert.Contains("name another",
            Assert.Throws<ArgumentException>(() => tuned.Context.Model.SaveGguf(path, null, path)).Message, StringComparison.Ordinal);
    }

    public static TheoryData<AdapterOptions, string> NoLora => new()
    {
        { new MokaAdapter(), "weights its products with gates" },
        { new DoraAdapter { Rank = 2 }, "has a magnitude" },
    };

    [Theory]
    [MemberData(nameof(NoLora))]
    public void What_LoRA_cannot_express_is_refused(AdapterOptions adapter, string why)
    {
        using var model = Fit(adapter);
        var error = Assert.Throws<InvalidOperationException>(() => model.SaveAdapterGguf(_folder.File("adapter.gguf")));
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
        Assert.Contains("SaveGguf", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void A_shards_name_is_no_name_of_a_whole_model()
    {
        var path = _folder.File("model-00001-of-00003.gguf");
        Assert.Contains("one of several shards", Assert.Throws<ArgumentException>(() => tuned.Model.SaveGguf(path)).Message, StringComparison.Ordinal);
        Assert.Contains("one of several shards", Assert.Throws<ArgumentException>(() => tuned.Model.SaveAdapterGguf(path)).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(path));
    }

    [Theory]
    [InlineData(0f, 1)]
    [InlineData(-8f, -8)]
    public void An_alpha_of_0_changes_nothing_in_llama_cpp_either(float alpha, double written)
    {
        // There 0 means that no scale is given.
        using var model = Fit(new LoraAdapter { Rank = 4, Alpha = alpha });
        var path = _folder.File("scaled.gguf");
        model.SaveAdapterGguf(path);
        using var file = GgufFile.Read(Moka.Files.FileContent.Open(path));
        Assert.Equal(written, file.Metadata.Number("adapter.lora.alpha", -100, 100));
        var factors = file.TensorNames.Where(name => name.EndsWith("lora_b", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(factors);
        Assert.Equal(alpha != 0, factors.Exists(name => Array.Exists(file[name].ToFloats(), value => value != 0)));
    }

    [Fact]
    public void What_llama_cpp_would_compute_otherwise_is_refused_by_name()
    {
        var qwen = TinyLlama.Config with { Architecture = Microsoft.ML.Moka.Backbones.Architectures.Qwen2Architecture.Instance, QueryKeyValueBias = true };
        Refused(qwen with { RotaryScaling = new Llama3RotaryScaling(8, 1, 4, 32) }, "no rotary embedding of the type 'llama3'");
        Refused(qwen with { OutputBias = true }, "its biases are not those of llama.cpp's 'qwen2'");
        Refused(qwen with { HeadNorms = true }, "norms of q and k");
        Refused(TinyLlama.Config with { RotaryScaling = new YarnRotaryScaling(4, 16) { WholeDimensions = false } }, "truncate is false");
        Refused(TinyLlama.Config with { RotaryScaling = new DividedRotaryScaling([1, 2, 3, 4]) { Amplitude = 2 } }, "attention_factor that is not 1");
        Refused(TinyLlama.Config with
        {
            Architecture = Microsoft.ML.Moka.Backbones.Architectures.SmolLm3Architecture.Instance,
            LayerForms = [new(false, null), new(true, null)],
        }, "layer 0 has no rotary embedding");

        void Refused(LlamaConfig config, string why)
        {
            var error = Assert.Throws<InvalidOperationException>(() =>
                GgufExport.Write(_folder.File("refused.gguf"), config, null, TinyLlama.Weights, new GgufOptions()));
            Assert.Contains(why, error.Message, StringComparison.Ordinal);
            Assert.Empty(Directory.GetFiles(_folder.Path));
        }
    }

    [Theory]
    [InlineData(GgufFormat.F16, 70000f, "F16 cannot hold")]
    [InlineData(GgufFormat.Q8_0, 1e8f, "Q8_0 cannot hold")]
    [InlineData(GgufFormat.BF16, float.NaN, "NaN")]
    public void A_weight_that_a_form_cannot_hold_is_named(GgufFormat format, float value, string why)
    {
        var tensor = new GgufOutputTensor("blk.0.attn_q.weight", Enum.Parse<GgufTensorType>(format.ToString()), [2, 32],
            () => (row, values) => values[row] = value);
        using var stream = new MemoryStream();
        // Rows are made by several threads.
        var error = Assert.ThrowsAny<Exception>(() => GgufWriter.Write(stream, new GgufMetadataWriter(), [tensor]));
        Assert.IsType<InvalidDataException>(error);
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(GgufFormat.F32, 2e-5)]
    [InlineData(GgufFormat.F16, 2e-3)]
    [InlineData(GgufFormat.Q8_0, 3e-2)]
    public void The_backbone_inside_the_package_runs_in_llama_cpp(GgufFormat format, double tolerance)
    {
        LlamaCpp.Require();
        var path = _folder.File("embedded.gguf");
        // It splits words behind a quotation mark as no name of llama.cpp says.
        var error = Assert.Throws<InvalidOperationException>(() => tuned.Context.Model.SaveGguf(null, null, path));
        Assert.Contains("the nearest, 'stablelm2', splits", error.Message, StringComparison.Ordinal);
        tuned.Context.Model.SaveGguf(null, null, path, new GgufOptions { Format = format, PreTokenizer = "stablelm2" });
        using var oracle = new LlamaCpp(path);
        using var backend = new CpuBackend(threads: 2);
        using var backbone = LlamaBackbone.Load(backend, BackboneSource.Embedded().Files, new QuantizationOptions(BackboneQuantization.None));
        var tokenizer = BackboneTokenizer.Load(BackboneSource.Embedded().Files);
        const string Text = "Anna gave the red ball to Tom, and Tom said: \"Thank you, it isn't 12 or 3456!\"\n\n Where is it  now?";
        var ids = tokenizer.Encode(Text, addBeginOfSequence: false);
        Assert.Equal(ids, oracle.Tokenize(Text));
        AssertClose(TinyLlama.Logits(backbone, RaggedBatch.Of([ids])), oracle.Logits(ids), tolerance);
        if (format == GgufFormat.F16)
        {
            var prompt = tokenizer.Encode("Tom went to the", tokenizer.BeginOfSequence is not null);
            Assert.Equal(
                new Generator(backbone).Generate([prompt], new GenerationOptions { MaxNewTokens = 24, StopTokens = [] })[0], oracle.Greedy(prompt, 24));
        }
    }

    public static TheoryData<AdapterOptions> Lora =>
    [
        new LoraAdapter { Rank = 4, Alpha = 16, TargetModules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"] },
        new LoraAdapter { Rank = 4, Alpha = 6, RankStabilized = true },
        new CdkaAdapter { Filters = 2, R1 = 2, R2 = 2, Alpha = 3 },
    ];

    [Theory]
    [MemberData(nameof(Lora))]
    public void An_adapter_changes_llama_cpps_logits_as_ours(AdapterOptions adapter)
    {
        LlamaCpp.Require();
        using var model = Fit(adapter);
        var (path, file) = (_folder.File("backbone.gguf"), _folder.File("adapter.gguf"));
        tuned.Context.Model.SaveGguf(tuned.BackbonePath, null, path, new GgufOptions { Format = GgufFormat.F32 });
        model.SaveAdapterGguf(file);
        using var oracle = new LlamaCpp(path);
        int[] ids = [5, 80, 12, 7, 99, 200, 31, 64, 3];
        var backbone = model.Weights.Backbone;
        var plain = TinyLlama.Logits(backbone, RaggedBatch.Of([ids]));
        AssertClose(plain, oracle.Logits(ids), 1e-4);
        oracle.Put(file);
        var expected = TinyLlama.Logits(backbone, RaggedBatch.Of([ids]), model.Weights.Adapters);
        AssertClose(expected, oracle.Logits(ids), 1e-4);
        Assert.True(expected.Zip(plain, (with, without) => Math.Abs(with - without)).Max() > 1e-2 * plain.Max(Math.Abs));
    }

    [Fact]
    public void The_nearest_LoRA_of_a_MoKA_changes_llama_cpps_logits_as_far_as_its_error_says()
    {
        LlamaCpp.Require();
        using var model = Fit(new MokaAdapter { TargetModules = ["*_proj"] });
        var path = _folder.File("backbone.gguf");
        tuned.Context.Model.SaveGguf(tuned.BackbonePath, null, path, new GgufOptions { Format = GgufFormat.F32 });
        int[] ids = [5, 80, 12, 7, 99, 200, 31, 64, 3];
        var tunedLogits = TinyLlama.Logits(model.Weights.Backbone, RaggedBatch.Of([ids]), model.Weights.Adapters);
        var changes = tunedLogits.Zip(TinyLlama.Logits(model.Weights.Backbone, RaggedBatch.Of([ids])), (with, without) => Math.Abs(with - without)).Max();
        foreach (var rank in (int[])[4, 1000])
        {
            var lora = model.ToLora(rank);
            var file = _folder.File($"{rank}.gguf");
            lora.SaveGguf(file);
            using var oracle = new LlamaCpp(path);
            oracle.Put(file);
            var logits = oracle.Logits(ids);
            var distance = tunedLogits.Zip(logits, (expected, actual) => Math.Abs(expected - actual)).Max();
            if (rank == 1000)
                AssertClose(tunedLogits, logits, 1e-4);
            else
                Assert.InRange(distance, 1e-3 * changes, changes);
            // And as ours computes it.
            lora.Save(_folder.File("folder"));
            using var read = model.WithAdapter(_folder.File("folder"));
            AssertClose(TinyLlama.Logits(read.Weights.Backbone, RaggedBatch.Of([ids]), read.Weights.Adapters), logits, 1e-4);
        }
    }

    [Fact]
    public void Blocks_are_those_of_ggml_and_stay_when_they_are_written_again()
    {
        var values = new float[32 * 4000];
        new SeededRandom(3).FillNormal(values, 0.1f);
        values.AsSpan(64, 32).Clear();
        // Ties, between codes and for the largest.
        for (var i = 0; i < 32; i++)
            values[96 + i] = i % 2 == 0 ? 1 : -1;
        foreach (var type in (GgufTensorType[])[GgufTensorType.Q8_0, GgufTensorType.Q4_0])
        {
            var bytes = new byte[type.ByteCount(values.Length)];
            GgufEncoder.Encode(type, values, bytes, "w");
            var expanded = new float[values.Length];
            GgufBlocks.Expand(type, bytes, expanded);
            var again = new byte[bytes.Length];
            GgufEncoder.Encode(type, expanded, again, "w");
            Assert.Equal(bytes, again);
            LlamaCpp.Require();
            Assert.Equal(Ggml.Quantize(type, values), bytes);
        }
    }

    private string SmallEnd() => BackboneTokenizer.Load(tuned.BackbonePath) is var tokenizer ? tokenizer.NameOf(tokenizer.EndOfSequence)! : "";

    private MokaTransformer Fit(AdapterOptions adapter)
    {
        var options = tuned.FewSteps;
        (options.Adapter, options.Quantization, options.NumberOfSteps, options.LearningRate) = (adapter, BackboneQuantization.None, 6, 5e-2f);
        return tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;
    }

    private static void AssertClose(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.InRange(expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max() / expected.Max(Math.Abs), 0, tolerance);
    }
}

/// <summary>ggml's own quantization, which comes with llama.cpp.</summary>
internal static partial class Ggml
{
    public static unsafe byte[] Quantize(GgufTensorType type, float[] values)
    {
        var library = NativeLibrary.Load("libggml-base.so");
        var quantize = (delegate* unmanaged[Cdecl]<float*, void*, long, void>)NativeLibrary.GetExport(
            library, type == GgufTensorType.Q8_0 ? "quantize_row_q8_0_ref" : "quantize_row_q4_0_ref");
        var bytes = new byte[type.ByteCount(values.Length)];
        fixed (float* from = values)
        {
            fixed (byte* to = bytes)
                quantize(from, to, values.Length);
        }
        return bytes;
    }
}
