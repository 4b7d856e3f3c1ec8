using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Adapters;

public sealed class AdapterSetTests : IDisposable
{
    private readonly CpuBackend _backend = new(threads: 2);
    private readonly RaggedBatch _batch = RaggedBatch.Of(TinyLlama.Ids(9, 1), TinyLlama.Ids(5, 2));

    public static TheoryData<AdapterOptions> Methods =>
    [
        new MokaAdapter { TargetModules = ["*"] },
        new MokaAdapter { TargetModules = ["*"], FilterShapes = [new(4, 8), new(4, 8), new(2, 2), new(4, 8)] },
        new MokaSAdapter { TargetModules = ["*"] },
        new CdkaAdapter { TargetModules = ["*"], Filters = 2, R1 = 2, R2 = 4, Alpha = 3 },
        new CdkaAdapter { TargetModules = ["*"], Filters = 3, R1 = 8, R2 = 2, Alpha = 3 },
        new KronaAdapter { TargetModules = ["*"], Scale = 0.5f },
        new KronaAdapter { TargetModules = ["*"], Shape = new(8, 2) },
        new LoraAdapter { TargetModules = ["*"], Rank = 3, Alpha = 6 },
        new LoraAdapter { TargetModules = ["*"], Rank = 3, Alpha = 6, RankStabilized = true },
        new LokrAdapter { TargetModules = ["*"], Rank = 2, Alpha = 3 },
        new LokrAdapter { TargetModules = ["*"], Rank = 1, Alpha = 2, DecomposeBoth = true, DecomposeFactor = 8 },
        new LokrAdapter { TargetModules = ["*"], Rank = 16, Alpha = 8 },
        new DoraAdapter { TargetModules = ["*"], Rank = 3, Alpha = 6 },
        new DoraAdapter { TargetModules = ["*"], Rank = 4, Alpha = 3, RankStabilized = true },
        new FullFineTuning(),
    ];

    public void Dispose() => _backend.Dispose();

    [Theory]
    [MemberData(nameof(Methods))]
    public void New_adapters_change_nothing_yet(AdapterOptions options)
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var adapters = backbone.CreateAdapters(options, seed: 1);

        // DoRA scales by ‖W‖ / ‖W‖, and that is 1.
        Assert.Equal(TinyLlama.Logits(backbone, _batch), TinyLlama.Logits(backbone, _batch, adapters));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void The_seed_determines_every_initial_value(AdapterOptions options)
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var first = backbone.CreateAdapters(options, seed: 1);
        using var again = backbone.CreateAdapters(options, seed: 1);
        using var other = backbone.CreateAdapters(options, seed: 2);

        Assert.Equal(Values(first), Values(again));
        if (options is not (MokaSAdapter or FullFineTuning))
            Assert.NotEqual(Values(first), Values(other));
        Assert.Equal(first.ParameterCount, Values(first).Length);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Both_evaluation_orders_agree_in_logits_and_gradients(AdapterOptions options)
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var fused = Trained(options);
        using var twoPaths = Trained(options);
        int[][] sequences = [TinyLlama.Ids(9, 1), TinyLlama.Ids(6, 2)];

        var losses = TinyLlama.Losses(backbone, sequences, fused);
        AssertClose(losses, TinyLlama.Losses(backbone, sequences, twoPaths, new ForwardOptions { TwoPaths = true }));
        foreach (var (expected, actual) in fused.Parameters.Zip(twoPaths.Parameters))
            AssertClose(TinyLlama.Download(_backend, expected.Gradient), TinyLlama.Download(_backend, actual.Gradient));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_merged_map_equals_the_adapted_one_and_unmerges_to_the_frozen_one(AdapterOptions options)
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var adapters = Trained(options);
        var map = backbone.LinearMaps.First(map => map.Shape.Name.EndsWith("up_proj", StringComparison.Ordinal));
        var adapter = adapters.Find(map.Shape.Name)!;
        using var frozen = _backend.Expand(map.Weight);

        using var merged = adapter.Merge(map.Weight);
        using var mergedWeight = _backend.AsWeight(merged);
        using var unmerged = adapter.Unmerge(mergedWeight);

        using var x = _backend.Upload(TensorKind.Activation, Normal(5 * map.Shape.Columns), 5, map.Shape.Columns);
        using var tape = new Tape(_backend, recording: false);
        using var throughMerged = _backend.Linear(x, mergedWeight);
        AssertClose(
            TinyLlama.Download(_backend, throughMerged),
            TinyLlama.Download(_backend, adapter.Forward(tape, tape.Borrow(x), map.Weight, new AdapterPass(adapters, false, null)).Value));
        AssertClose(TinyLlama.Download(_backend, frozen), TinyLlama.Download(_backend, unmerged));
        Assert.NotEqual(TinyLlama.Download(_backend, frozen), TinyLlama.Download(_backend, merged));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_merged_backbone_needs_no_adapters(AdapterOptions options)
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var adapters = Trained(options);
        using var merged = LlamaBackbone.Frozen(_backend, TinyLlama.Config, new MergedWeights(TinyLlama.Weights, _backend, adapters));

        AssertClose(TinyLlama.Logits(backbone, _batch, adapters), TinyLlama.Logits(merged, _batch));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Stored_adapters_load_back_bit_for_bit(AdapterOptions options)
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var adapters = Trained(options);
        var file = Store(adapters);
        using var loaded = AdapterTensors.Load(_backend, options, backbone.Config.LinearMaps, file);

        Assert.Equal(Values(adapters), Values(loaded));
        Assert.Equal(TinyLlama.Logits(backbone, _batch, adapters), TinyLlama.Logits(backbone, _batch, loaded));
    }

    [Fact]
    public void CDKA_of_single_rows_and_columns_is_rank_stabilized_LoRA()
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var cdka = Trained(new CdkaAdapter { TargetModules = ["*"], Filters = 3, R1 = 1, R2 = 1, Alpha = 6 });
        var lora = new LoraAdapter { TargetModules = ["*"], Rank = 3, Alpha = 6, RankStabilized = true };
        using var stabilized = AdapterSet.Create(_backend, lora, TinyLlama.Config.LinearMaps, new ValuesOf(cdka, _backend));
        int[][] sequences = [TinyLlama.Ids(9, 1), TinyLlama.Ids(6, 2)];

        Assert.Equal(TinyLlama.Losses(backbone, sequences, cdka), TinyLlama.Losses(backbone, sequences, stabilized));
        foreach (var (expected, actual) in cdka.Parameters.Zip(stabilized.Parameters))
            Assert.Equal(TinyLlama.Download(_backend, expected.Gradient), TinyLlama.Download(_backend, actual.Gradient));
        Assert.Contains(cdka.Parameters, parameter => TinyLlama.Download(_backend, parameter.Gradient).Any(value => value != 0));
    }

    [Fact]
    public void Norms_are_taken_anew_when_a_factor_changes_and_not_before()
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var adapters = Trained(new DoraAdapter { Rank = 2 });
        using var changed = Trained(new DoraAdapter { Rank = 2 });
        var before = TinyLlama.Logits(backbone, _batch, adapters);
        foreach (var (parameter, other) in adapters.Parameters.Zip(changed.Parameters))
        {
            float[] values = [.. TinyLlama.Download(_backend, parameter.Value).Select(value => 1.5f * value)];
            parameter.Overwrite(_backend, values);
            other.Overwrite(_backend, values);
        }
        var after = TinyLlama.Logits(backbone, _batch, adapters);

        Assert.NotEqual(before, after);
        Assert.Equal(TinyLlama.Logits(backbone, _batch, changed), after);
    }

    [Fact]
    public void DoRA_scores_alike_from_several_threads()
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var adapters = Trained(new DoraAdapter { Rank = 2 });
        using var alone = Trained(new DoraAdapter { Rank = 2 });
        var expected = TinyLlama.Logits(backbone, _batch, alone);

        var results = new float[8][];
        Parallel.For(0, results.Length, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i => results[i] = TinyLlama.Logits(backbone, _batch, adapters));
        Assert.All(results, result => Assert.Equal(expected, result));
    }

    [Fact]
    public void A_merged_magnitude_is_undone_only_by_who_knows_the_lengths()
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var adapters = Trained(new DoraAdapter { Rank = 2 });
        using var other = Trained(new DoraAdapter { Rank = 2 });
        var map = backbone.LinearMaps.First();
        using var merged = adapters.Find(map.Shape.Name)!.Merge(map.Weight);
        using var weight = _backend.AsWeight(merged);

        Assert.Contains(map.Shape.Name, Assert.Throws<InvalidOperationException>(() => other.Find(map.Shape.Name)!.Unmerge(weight)).Message);
        other.Find(map.Shape.Name)!.Magnitude!.Overwrite(_backend, new float[map.Shape.Rows]);
        using var empty = other.Find(map.Shape.Name)!.Merge(map.Weight);
        using var emptyWeight = _backend.AsWeight(empty);
        Assert.Contains("Row 0", Assert.Throws<InvalidOperationException>(() => other.Find(map.Shape.Name)!.Unmerge(emptyWeight)).Message);
    }

    [Fact]
    public void Files_name_tensors_in_the_style_of_PEFT()
    {
        using var mixture = Trained(new MokaAdapter { FilterShapes = [new(4, 8), new(4, 8), new(2, 2)], TargetModules = ["q_proj"], Layers = [1] });
        using var cdka = Trained(new CdkaAdapter { Filters = 2, R1 = 2, R2 = 4, TargetModules = ["k_proj"], Layers = [1] });
        using var krona = Trained(new KronaAdapter { Shape = new(2, 8), TargetModules = ["k_proj"], Layers = [1] });
        using var lora = Trained(new LoraAdapter { Rank = 3, TargetModules = ["k_proj"], Layers = [1] });
        using var dora = Trained(new DoraAdapter { Rank = 3, TargetModules = ["k_proj"], Layers = [1] });
        using var lokr = Trained(new LokrAdapter { Rank = 2, DecomposeFactor = 2, TargetModules = ["k_proj"], Layers = [1] });
        using var full = Trained(new FullFineTuning { TargetModules = ["k_proj"], Layers = [1] });

        Assert.Equal(
            ["moka_A.0 [4, 8]", "moka_A.1 [4, 8]", "moka_A.2 [2, 2]", "moka_B.0 [8, 4]", "moka_B.1 [8, 4]", "moka_B.2 [16, 16]", "moka_gate [3]"],
            Describe("base_model.model.model.layers.1.self_attn.q_proj.", mixture));
        Assert.Equal(
            ["cdka_A.0 [2, 8]", "cdka_A.1 [2, 8]", "cdka_B.0 [8, 4]", "cdka_B.1 [8, 4]"],
            Describe("base_model.model.model.layers.1.self_attn.k_proj.", cdka));
        Assert.Equal(["krona_A [2, 8]", "krona_B [8, 4]"], Describe("base_model.model.model.layers.1.self_attn.k_proj.", krona));
        Assert.Equal(
            ["lora_A.weight [3, 32]", "lora_B.weight [16, 3]"],
            Describe("base_model.model.model.layers.1.self_attn.k_proj.", lora));

        Assert.Equal(
            ["lora_A.weight [3, 32]", "lora_B.weight [16, 3]", "lora_magnitude_vector [16]"],
            Describe("base_model.model.model.layers.1.self_attn.k_proj.", dora));
        Assert.Equal(
            ["lokr_w1 [2, 2]", "lokr_w2_a [8, 2]", "lokr_w2_b [2, 16]"],
            Describe("base_model.model.model.layers.1.self_attn.k_proj.", lokr));
        Assert.Equal(["full_delta [16, 32]"], Describe("base_model.model.model.layers.1.self_attn.k_proj.", full));

        string[] Describe(string prefix, AdapterSet adapters)
        {
            var file = Store(adapters);
            Assert.All(file.Names, name => Assert.StartsWith(prefix, name));
            return [.. file.Names.Order(StringComparer.Ordinal).Select(name => $"{name[prefix.Length..]} {file[name].ShapeText}")];
        }
    }

    [Fact]
    public void Stored_LoRA_means_B_times_A()
    {
        using var adapters = Trained(new LoraAdapter { Rank = 3, Alpha = 6, TargetModules = ["k_proj"], Layers = [0] });
        var adapter = adapters.Adapters[0];
        var file = Store(adapters);
        var a = file["base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight"].ToFloats();
        var b = file["base_model.model.model.layers.0.self_attn.k_proj.lora_B.weight"].ToFloats();
        using var zeros = _backend.Zeros(TensorKind.Parameter, 16, 32);
        using var weight = _backend.AsWeight(zeros);
        using var delta = adapter.Merge(weight);

        var expected = new float[16 * 32];
        for (var row = 0; row < 16; row++)
            for (var column = 0; column < 32; column++)
                for (var r = 0; r < 3; r++)
                    expected[row * 32 + column] += 6f / 3 * b[row * 3 + r] * a[r * 32 + column];
        AssertClose(expected, TinyLlama.Download(_backend, delta));
    }

    [Fact]
    public void A_file_that_does_not_fit_the_options_is_refused_by_tensor()
    {
        var options = new MokaAdapter { FilterShapes = [new(4, 8), new(2, 2)], TargetModules = ["q_proj"], Layers = [0] };
        using var adapters = Trained(options);
        var tensors = AdapterTensors.From(_backend, adapters).ToList();
        const string map = "base_model.model.model.layers.0.self_attn.q_proj";

        AssertRefused([.. tensors.Where(tensor => tensor.Name != $"{map}.moka_B.1")], "moka_B.1");
        AssertRefused([.. tensors, SafetensorsTensor.Of($"{map}.moka_A.2", new float[4], 2, 2)], "moka_A.2");
        AssertRefused([.. tensors.Where(tensor => tensor.Name != $"{map}.moka_gate"), SafetensorsTensor.Of($"{map}.moka_gate", [0, float.NaN], 2)], "NaN");
        AssertRefused([.. tensors.Where(tensor => tensor.Name != $"{map}.moka_A.0"), SafetensorsTensor.Of($"{map}.moka_A.0", new float[32], 8, 4)], "[4, 8]");

        void AssertRefused(IReadOnlyList<SafetensorsTensor> file, string expected)
        {
            var error = Assert.Throws<InvalidDataException>(() => AdapterTensors.Load(
                _backend, options, TinyLlama.Config.LinearMaps, SafetensorsFile.Read("adapter_model.safetensors", SafetensorsWriter.ToBytes(file))));
            Assert.Contains(expected, error.Message);
            Assert.Contains("adapter_model.safetensors", error.Message);
        }
    }

    [Fact]
    public void Input_dropout_depends_on_its_seed_and_is_off_outside_training()
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var adapters = Trained(new MokaAdapter { Dropout = 0.5f });
        var plain = TinyLlama.Logits(backbone, _batch, adapters);
        var dropped = TinyLlama.Logits(backbone, _batch, adapters, new ForwardOptions { DropoutSeed = 1 });

        Assert.NotEqual(plain, dropped);
        Assert.Equal(dropped, TinyLlama.Logits(backbone, _batch, adapters, new ForwardOptions { DropoutSeed = 1 }));
        Assert.NotEqual(dropped, TinyLlama.Logits(backbone, _batch, adapters, new ForwardOptions { DropoutSeed = 2 }));
    }

    [Fact]
    public void Recomputing_layers_keeps_the_dropout_and_the_gradients()
    {
        var options = new MokaAdapter { TargetModules = ["*"], Dropout = 0.5f };
        using var backbone = TinyLlama.Frozen(_backend);
        using var plain = Trained(options);
        using var recomputed = Trained(options);
        int[][] sequences = [TinyLlama.Ids(9, 1), TinyLlama.Ids(6, 2)];

        var losses = TinyLlama.Losses(backbone, sequences, plain, new ForwardOptions { DropoutSeed = 5 });
        Assert.Equal(losses, TinyLlama.Losses(backbone, sequences, recomputed, new ForwardOptions { DropoutSeed = 5, Recompute = true }));
        foreach (var (expected, actual) in plain.Parameters.Zip(recomputed.Parameters))
            Assert.Equal(TinyLlama.Download(_backend, expected.Gradient), TinyLlama.Download(_backend, actual.Gradient));
    }

    /// <summary>Adapters as after training: no factor is zero and gates differ.</summary>
    private AdapterSet Trained(AdapterOptions options) =>
        AdapterSet.Create(_backend, options, TinyLlama.Config.LinearMaps, new RandomAdapters.Trained(3, 0.3f));

    private SafetensorsFile Store(AdapterSet adapters) =>
        SafetensorsFile.Read("adapter_model.safetensors", SafetensorsWriter.ToBytes(AdapterTensors.From(_backend, adapters)));

    private float[] Values(AdapterSet adapters) => [.. adapters.Parameters.SelectMany(parameter => TinyLlama.Download(_backend, parameter.Value))];

    private static float[] Normal(int count, string name = "x")
    {
        var values = new float[count];
        new SeededRandom(3, name).FillNormal(values, 0.3f);
        return values;
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        var scale = expected.Max(Math.Abs);
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 2e-5f * scale);
    }

    /// <summary>The factors of another set, whatever they are called there.</summary>
    private sealed class ValuesOf(AdapterSet other, Backend backend) : AdapterValues
    {
        public override float[] Factors(MapShape map, FactorRule rule, FactorStack stack) => TinyLlama.Download(backend, other.Find(map.Name)!.Parameters
            .Single(parameter => parameter.Value.Rows == stack.Count * stack.Rows && parameter.Value.Columns == stack.Columns).Value);

        public override float[] Gates(MapShape map, SoftmaxGates rule, int count) => throw new NotSupportedException();

        public override float[] Magnitudes(MapShape map, MagnitudeRule rule) => throw new NotSupportedException();
    }
}
