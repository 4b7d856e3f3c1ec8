using Microsoft.ML.Data;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Checkpoints.Gguf;

/// <summary>A GGUF's blocks stay as they are from the file to the product, into a model's zip and out of it.</summary>
public sealed class PackedBackboneTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly MLContext _context = new(seed: 1);

    public static TheoryData<string> Formats => [.. PackedFormat.All.Select(format => format.Name)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Formats))]
    public void Blocks_stay_packed_whatever_the_quantization(string format)
    {
        var path = Write(new TinyGguf().Pack(Enum.Parse<GgufTensorType>(format)));
        var bytes = new TinyGguf().Pack(Enum.Parse<GgufTensorType>(format)).Packed.Values.Sum(packed => packed.Blocks.Length);
        var logits = Logits(path, BackboneQuantization.None, out var count);
        Assert.Equal(bytes, count);
        Assert.Equal(logits, Logits(path, BackboneQuantization.NF4, out count));
        Assert.Equal(bytes, count);
        Assert.Equal(logits, Logits(Expanded(path), BackboneQuantization.None, out count));
        Assert.True(count > 3 * bytes);
        Assert.Equal(format, BackboneDescription.Of(path).WeightFormat);
    }

    [Fact]
    public void Of_a_mixed_file_the_others_become_what_the_quantization_says()
    {
        var mixed = new TinyGguf().Pack(GgufTensorType.Q4_0, "attn_q").Pack(GgufTensorType.Q5_1, "ffn_up");
        using var checkpoint = Checkpoint.Open(new GgufFiles(Write(mixed)));
        var config = LlamaConfigFile.Read(new GgufFiles(Write(mixed)));
        var weights = new CheckpointWeights(checkpoint, config, new(BackboneQuantization.NF4));
        Assert.Equal(PackedFormat.Q4_0, Assert.IsType<PackedMatrix>(weights.Matrix("model.layers.0.self_attn.q_proj.weight", 32, 32, true)).Format);
        Assert.Equal(FourBitCode.NF4, Assert.IsType<CodedMatrix>(weights.Matrix("model.layers.0.mlp.up_proj.weight", 64, 32, true)).Format);
        Assert.Equal(FourBitCode.NF4, Assert.IsType<CodedMatrix>(weights.Matrix("model.layers.0.mlp.gate_proj.weight", 64, 32, true)).Format);
        Assert.IsType<DenseMatrix>(weights.Matrix("model.embed_tokens.weight", TinyGguf.Rows, 32, false));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_model_with_the_backbone_inside_has_the_same_blocks(string format)
    {
        var options = Options(Write(new TinyGguf().Pack(Enum.Parse<GgufTensorType>(format))));
        options.SaveBackbone = true;
        var rows = _context.Data.LoadFromEnumerable(Enumerable.Range(0, 8).Select(i => new Row { Text = $"the {i}", Label = i % 2 == 0 ? "even" : "odd" }));
        var trainer = _context.MulticlassClassification.Trainers.Moka(options);
        var log = new List<string>();
        _context.Log += (_, e) => log.Add(e.Message);
        using var model = _context.Transforms.Conversion.MapValueToKey("Label").Append(trainer).Fit(rows);
        Assert.Contains(log, line => line.Contains($"parameters, {format} as stored", StringComparison.Ordinal));
        _context.Model.Save(model, rows.Schema, _folder.File("model.zip"));
        // Loading shares what is in memory, so the file goes and the fingerprint is another.
        File.Delete(options.BackbonePath!);
        var loaded = _context.Model.Load(_folder.File("model.zip"), out _);
        using var disposed = loaded as IDisposable;
        Assert.Equal(Scores(model, rows), Scores(loaded, rows));
        Assert.Equal(BytesOf(model), BytesOf(loaded));

        // In full precision again it is what others read, embedding included.
        Tuned(loaded).SaveMerged(_folder.File("merged"));
        using var checkpoint = Checkpoint.Open(new FolderFiles(_folder.File("merged")));
        Assert.DoesNotContain(checkpoint.Names, name => name.Contains("quant_state", StringComparison.Ordinal) || checkpoint[name].Type != "F32");
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void The_plan_counts_the_blocks(string format)
    {
        var path = Write(new TinyGguf().Pack(Enum.Parse<GgufTensorType>(format)));
        using var backend = new CpuBackend(threads: 1);
        using var backbone = LlamaBackbone.Load(backend, new GgufFiles(path), new(BackboneQuantization.NF4));
        var vectors = TensorNames.Vectors(backbone.Config).Sum(vector => 4L * vector.Length);
        var plan = MemoryPlan.ForTraining(Options(path));
        Assert.InRange(plan.BackboneBytes, backbone.ByteCount + vectors, backbone.ByteCount + vectors + 2 * 4L * 128 * 4);
    }

    [Fact]
    public void A_scale_that_is_no_number_is_refused_by_name()
    {
        foreach (var (tensor, name) in (ReadOnlySpan<(string, string)>)[("token_embd", "model.embed_tokens.weight"), ("blk.1.ffn_up", "layers.1.mlp.up_proj")])
        {
            var tiny = new TinyGguf().Pack(GgufTensorType.Q4_1);
            BitConverter.TryWriteBytes(tiny.Packed[$"{tensor}.weight"].Blocks.AsSpan(3 * 20 + 2), Half.NaN);
            var error = Assert.Throws<InvalidDataException>(() => Logits(Write(tiny), BackboneQuantization.NF4, out _));
            Assert.Contains(name, error.Message, StringComparison.Ordinal);
            Assert.Contains("NaN or an infinity in row 3", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Blocks_in_a_checkpoint_that_do_not_fit_are_refused()
    {
        var matrix = new PackedMatrix(2, 32, PackedFormat.Q8_0, new byte[68]);
        var tensors = QuantizedWeight.Write("w.weight", matrix).ToList();
        Assert.Equal(matrix.Blocks.ToArray(), Assert.IsType<PackedMatrix>(QuantizedWeight.Read(Open(tensors), "w.weight")).Blocks.ToArray());
        tensors[0] = tensors[0] with { Data = new byte[67], Shape = [67] };
        var error = Assert.Throws<InvalidDataException>(() => QuantizedWeight.Read(Open(tensors), "w.weight"));
        Assert.Contains("67 bytes", error.Message, StringComparison.Ordinal);
    }

    private static Checkpoint Open(IEnumerable<SafetensorsTensor> tensors)
    {
        using var stream = new MemoryStream();
        SafetensorsWriter.Write(stream, [.. tensors]);
        return Checkpoint.Open(new MemoryFiles("files", new Dictionary<string, byte[]> { [Checkpoint.SingleFile] = stream.ToArray() }));
    }

    private static MokaTrainer.Options Options(string path) => new()
    {
        BackbonePath = path, PromptTemplate = new PromptTemplate("{text} is"), NumberOfSteps = 2, BatchTokens = 128, MaximumTokens = 128,
    };

    private string Write(TinyGguf tiny)
    {
        var path = _folder.File($"{Guid.NewGuid():N}.gguf");
        File.WriteAllBytes(path, tiny.ToArray());
        return path;
    }

    /// <summary>The same values in float32, in Hugging Face form.</summary>
    private string Expanded(string path)
    {
        MergedFolder.WriteOf(BackboneSource.Open(path), null, _folder.File("expanded"), new MergeOptions());
        return _folder.File("expanded");
    }

    private static float[] Logits(string path, BackboneQuantization quantization, out long bytes)
    {
        using var backend = new CpuBackend(threads: 1);
        using var backbone = LlamaBackbone.Load(backend, BackboneFiles.At(path), new QuantizationOptions(quantization));
        bytes = backbone.ByteCount;
        return TinyLlama.Logits(backbone, RaggedBatch.Of([[1, 5, 9, 200, 3], [7, 8]]));
    }

    private static MokaTransformer Tuned(ITransformer model) => ((IEnumerable<ITransformer>)model).OfType<MokaTransformer>().Single();

    private static long BytesOf(ITransformer model) => Tuned(model).Weights.Backbone.ByteCount;

    private static List<float[]> Scores(ITransformer model, IDataView rows) => [.. model.Transform(rows).GetColumn<float[]>("Score")];

    private sealed class Row
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";
    }
}
