using System.Text.Json.Nodes;
using MathNet.Numerics.LinearAlgebra;
using Microsoft.ML.Moka.Checkpoints;

namespace Microsoft.ML.Moka.Tests.Interchange;

/// <summary>
/// Adapters in the form of CDKA's authors: LoRA's fields with r1 and r2, component i in every r-th row of lora_A and every r-th column of lora_B.
/// </summary>
public sealed class CdkaFilesTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>alpha / √(r·r2) · Σᵢ kron(lora_B[:, i::r], lora_A[i::r]), element by element in double precision.</summary>
    [Theory]
    [InlineData(2, 2, 3, 16)]
    [InlineData(2, 8, 2, 64)]
    [InlineData(4, 1, 1, -5)]
    [InlineData(1, 4, 2, 3)]
    [InlineData(1, 1, 5, 7)]
    public void Their_folders_are_read_and_written_again(int r1, int r2, int r, double alpha)
    {
        var tensors = Tensors(r1, r2, r);
        PeftFolder.Write(_folder.Path, Config(r1, r2, r, alpha), tensors);

        using var model = tuned.Model.WithAdapter(_folder.Path);

        var options = Assert.IsType<CdkaAdapter>(model.Adapter);
        Assert.Equal((r1, r2, r, (float)alpha), (options.R1, options.R2, options.Filters, options.Alpha));
        var backend = model.Weights.Backbone.Backend;
        foreach (var map in model.Weights.Backbone.LinearMaps.Where(map => map.Shape.Name.EndsWith("q_proj", StringComparison.Ordinal)
            || map.Shape.Name.EndsWith("down_proj", StringComparison.Ordinal)))
        {
            var shape = map.Shape;
            var (a, b) = (Of(shape.Name, "A"), Of(shape.Name, "B"));
            var expected = Matrix<double>.Build.Dense(shape.Rows, shape.Columns, (row, column) => alpha / Math.Sqrt(r * r2) * Enumerable.Range(0, r).Sum(i =>
                b[row / r1, column / (shape.Columns / r2) * r + i] * a[row % r1 * r + i, column % (shape.Columns / r2)]));
            using var merged = model.Weights.Adapters.Find(shape.Name)!.Merge(map.Weight);
            using var frozen = backend.Expand(map.Weight);
            var actual = Dense(TinyLlama.Download(backend, merged), shape.Rows) - Dense(TinyLlama.Download(backend, frozen), shape.Rows);
            Assert.InRange((expected - actual).FrobeniusNorm(), 0, 1e-5 * (1 + expected.FrobeniusNorm()));
        }

        // In the same form again, also as a model's; and as what says the same.
        var again = _folder.File("again");
        model.SaveAdapter(again);
        var written = PeftFolder.Config(File.ReadAllText(Path.Combine(again, "adapter_config.json")));
        Assert.Equal(("LORA", r1, r2, r, true), ((string?)written["peft_type"], (int)written["r1"]!, (int)written["r2"]!, (int)written["r"]!,
            (bool)written["use_rslora"]!));
        using (var file = SafetensorsFile.Open(Path.Combine(again, "adapter_model.safetensors")))
            foreach (var tensor in tensors)
                Assert.Equal(tensor.ToFloats(), file[tensor.Name].ToFloats());
        var lora = _folder.File("lora");
        model.SaveAdapter(lora, AdapterFileFormat.Lora);
        using var asLora = tuned.Model.WithAdapter(lora);
        Assert.Equal(r * r1 * r2, Assert.IsType<LoraAdapter>(asLora.Adapter).Rank);
        foreach (var (one, other) in Scores(model).Zip(Scores(asLora)))
            Assert.Equal(one[0], other[0], 1e-4);

        Matrix<double> Of(string map, string side)
        {
            var tensor = tensors.Single(one => one.Name.EndsWith($"{map}.lora_{side}.weight", StringComparison.Ordinal));
            return Dense(tensor.ToFloats(), tensor.Shape[0]);
        }
    }

    [Theory]
    [InlineData(2, 2, 3)]
    [InlineData(2, 8, 4)]
    [InlineData(1, 1, 2)]
    public void What_was_trained_here_is_written_as_they_have_it(int r1, int r2, int r)
    {
        var options = tuned.FewSteps;
        options.Adapter = new CdkaAdapter { R1 = r1, R2 = r2, Filters = r, Alpha = 3, TargetModules = ["q_proj", "v_proj"], Layers = [1] };
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;

        model.SaveAdapter(_folder.Path, AdapterFileFormat.Cdka);

        using var read = tuned.Model.WithAdapter(_folder.Path);
        Assert.Equal(Scores(model), Scores(read));
        Assert.Equal(model.TrainableParameterCount, read.TrainableParameterCount);
        using var own = new TemporaryFolder();
        model.SaveAdapter(own.Path);
        using var components = SafetensorsFile.Open(own.File("adapter_model.safetensors"));
        using var file = SafetensorsFile.Open(_folder.File("adapter_model.safetensors"));
        const string map = "base_model.model.model.layers.1.self_attn.v_proj";
        var (whole, first) = (file[$"{map}.lora_A.weight"], components[$"{map}.cdka_A.1"]);
        Assert.Equal([r * r1, 32 / r2], whole.Shape);
        Assert.Equal(first.ToFloats(), Enumerable.Range(0, r1).SelectMany(k => whole.ToFloats().Skip((k * r + 1) * (32 / r2)).Take(32 / r2)));
        read.SaveAdapter(_folder.File("again"), AdapterFileFormat.Cdka);
        Assert.Equal(File.ReadAllBytes(_folder.File("adapter_model.safetensors")),
            File.ReadAllBytes(Path.Combine(_folder.File("again"), "adapter_model.safetensors")));
    }

    public static TheoryData<string, JsonNode?, string> Unknown => new()
    {
        { "use_rslora", false, "use_rslora" }, { "use_rslora", null, "use_rslora" }, { "use_dora", true, "use_dora" }, { "lora_bias", true, "lora_bias" },
        { "r", null, "r" }, { "lora_alpha", null, "lora_alpha" }, { "r2", null, "r2" }, { "r1", 3, "R1" }, { "r2", 5, "R2" },
        { "rank_pattern", new JsonObject { ["q_proj"] = 2 }, "CDKA has no rank" }, { "alpha_pattern", new JsonObject { ["q_proj"] = 2 }, "CDKA has no alpha" },
    };

    [Theory]
    [MemberData(nameof(Unknown))]
    public void What_is_not_known_of_their_form_is_refused_by_name(string field, JsonNode? value, string named)
    {
        var config = Config(2, 2, 3, 16);
        config[field] = value?.DeepClone();
        PeftFolder.Write(_folder.Path, config, Tensors(2, 2, 3));

        var error = Assert.Throws<InvalidDataException>(() => tuned.Model.WithAdapter(_folder.Path));

        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    private static JsonObject Config(int r1, int r2, int r, double alpha) => new()
    {
        ["peft_type"] = "LORA",
        ["task_type"] = "CAUSAL_LM",
        ["target_modules"] = new JsonArray("q_proj", "down_proj"),
        ["r"] = r,
        ["r1"] = r1,
        ["r2"] = r2,
        ["lora_alpha"] = alpha,
        ["lora_dropout"] = 0.0,
        ["use_rslora"] = true,
        ["use_dora"] = false,
        ["bias"] = "none",
        ["init_lora_weights"] = true,
    };

    private static List<SafetensorsTensor> Tensors(int r1, int r2, int r) =>
        [.. PeftFolder.Maps.Where(map => map.Name.Split('.')[^1] is "q_proj" or "down_proj").SelectMany(map => (SafetensorsTensor[])
        [
            PeftFolder.Random($"base_model.model.{map.Name}.lora_A.weight", r * r1, map.Columns / r2),
            PeftFolder.Random($"base_model.model.{map.Name}.lora_B.weight", map.Rows / r1, r * r2),
        ])];

    private static Matrix<double> Dense(float[] values, int rows) =>
        Matrix<double>.Build.DenseOfRowMajor(rows, values.Length / rows, Array.ConvertAll(values, value => (double)value));

    private IReadOnlyList<float[]> Scores(MokaTransformer model) =>
        TunedModel.Scores(model.Transform(tuned.Context.Data.LoadFromEnumerable(Row.Make(20, seed: 3))));
}
