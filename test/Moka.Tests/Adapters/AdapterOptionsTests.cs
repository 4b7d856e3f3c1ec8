using System.Text;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Adapters;

public sealed class AdapterOptionsTests
{
    private static readonly LlamaConfig Llama2 = new()
    {
        HiddenSize = 4096, IntermediateSize = 11008, LayerCount = 32, QueryHeads = 32, KeyValueHeads = 32, HeadWidth = 128, VocabularySize = 32000,
    };

    private static readonly LlamaConfig Llama3 = Llama2 with { IntermediateSize = 14336, KeyValueHeads = 8, VocabularySize = 128256 };

    [Fact]
    public void The_default_mixture_has_the_published_number_of_parameters()
    {
        // The paper's 5.2M and 3.9M; the gates, 5 on each of 128 maps, come on top.
        Assert.Equal(5_242_880 + 640, Count(new MokaAdapter(), Llama2));
        Assert.Equal(3_932_160 + 640, Count(new MokaAdapter(), Llama3));
        Assert.Equal(5_242_880 + 640, Count(new MokaAdapter { Filters = 10, TargetModules = ["q_proj", "v_proj"] }, Llama2));
    }

    [Fact]
    public void The_compact_form_is_within_the_published_range()
    {
        // The paper's MoKA_s takes 2.1M to 4.2M on LLaMA2-7B.
        Assert.InRange(Count(new MokaSAdapter(), Llama2), 2_100_000, 4_200_000);
        Assert.Equal(128 * (2 * 64 * 64 + 2), Count(new MokaSAdapter { IdentitySizes = [64, 64] }, Llama2));
    }

    [Fact]
    public void LoRA_has_the_published_number_of_parameters()
    {
        // The QLoRA baseline of the paper: 56.1M on LLaMA2-7B, 56.6M on LLaMA3-8B.
        var options = new LoraAdapter { Rank = 32, TargetModules = ["q_proj", "k_proj", "v_proj", "up_proj", "down_proj"] };
        Assert.Equal(56_098_816, Count(options, Llama2));
        Assert.Equal(56_623_104, Count(options, Llama3));
    }

    [Fact]
    public void CDKA_has_the_published_number_of_parameters()
    {
        // 20.0M on LLaMA2-7B and 21.0M on LLaMA3-8B, on all linear maps.
        var options = CdkaAdapter.FromRunScript();
        options.TargetModules = ["*"];
        Assert.Equal(19_988_480, Count(options, Llama2));
        Assert.Equal(20_971_520, Count(options, Llama3));
    }

    [Fact]
    public void Presets_of_CDKA_are_those_in_use()
    {
        Assert.Equal((2, 2, 8, 64f), Of(CdkaAdapter.FromRunScript()));
        Assert.Equal((2, 8, 4, 64f), Of(CdkaAdapter.FromPaper()));
        Assert.Equal(Of(CdkaAdapter.FromRunScript()), Of(new CdkaAdapter()));

        static (int, int, int, float) Of(CdkaAdapter options) => (options.R1, options.R2, options.Filters, options.Alpha);
    }

    [Fact]
    public void MoKA_from_the_port_that_cites_the_paper_has_each_shape_twice_and_a_wider_start()
    {
        var options = MokaAdapter.FromPaper();
        // 5.2M on LLaMA2-7B and 3.9M on LLaMA3-8B, as published, and the gates.
        Assert.Equal(32 * (2 * 10 * (4096 + 4096) + 2 * 10), Count(options, Llama2));
        Assert.InRange(Count(options, Llama3), 3_900_000, 4_000_000);
        var plan = options.Plan(Llama2.LinearMaps)[0];
        Assert.Equal("2*64x64/64x64 2*32x128/128x32 2*128x32/32x128 2*16x256/256x16 2*256x16/16x256", PlanFigures.Filters(plan));

        using var backend = new CpuBackend();
        options.TargetModules = ["*"];
        using var adapters = AdapterSet.Create(backend, options, TinyLlama.Config.LinearMaps, seed: 1);
        var bound = adapters.Adapters.SelectMany(adapter => adapter.StoredFactors).Where(part => part.Rule.Name == "moka_A")
            .Max(part => TinyLlama.Download(backend, part.Value).Max(Math.Abs) * MathF.Sqrt(part.Stack.Columns));
        Assert.InRange(bound, 0.95f * MathF.Sqrt(3), MathF.Sqrt(3));
    }

    [Fact]
    public void KronA_is_balanced_by_default()
    {
        var plans = new KronaAdapter { TargetModules = ["*"] }.Plan(Llama2.LinearMaps.Where(map => map.Layer == 0));

        Assert.Equal("64x64/64x64", plans[0].Filters[0].Shape.ToString());
        Assert.All(plans, plan => Assert.InRange(plan.ParameterCount, 1, 2.2 * Math.Sqrt((double)plan.Map.Rows * plan.Map.Columns)));
    }

    [Theory]
    [InlineData(false, 2)]
    [InlineData(true, 4)]
    public void LoRA_is_scaled_by_its_rank_or_the_root_of_it(bool rankStabilized, float expected)
    {
        var plan = new LoraAdapter { Rank = 4, Alpha = 8, RankStabilized = rankStabilized }.Plan(TinyLlama.Config.LinearMaps)[0];
        Assert.Equal(new ConstantCoefficient(expected), plan.Coefficients);
    }

    [Theory]
    [InlineData(256, -1, 16)]
    [InlineData(128, -1, 8)]
    [InlineData(127, -1, 1)]
    [InlineData(128, 4, 4)]
    [InlineData(128, 64, 64)]
    [InlineData(128, 5, 4)]
    [InlineData(12, 5, 3)]
    [InlineData(11008, -1, 86)]
    [InlineData(14336, -1, 112)]
    [InlineData(11008, 16, 16)]
    [InlineData(14336, 3, 2)]
    [InlineData(4096, 1, 1)]
    public void LoKr_splits_numbers_as_PEFT_does(int number, int factor, int expected)
    {
        var plan = new LokrAdapter { DecomposeFactor = factor, TargetModules = ["map"] }.Plan([new MapShape("map", number, number, 0)])[0];
        Assert.Equal(new FilterShape(expected, expected, number / expected, number / expected), plan.Filters[0].Shape);
    }

    [Theory]
    [InlineData(8, false, null, 8)]
    [InlineData(31, true, 31, 31)]
    [InlineData(32, true, null, null)]
    [InlineData(8, true, 8, 8)]
    public void LoKr_takes_products_where_the_rank_is_low(int rank, bool both, int? left, int? right)
    {
        var plan = new LokrAdapter { Rank = rank, Alpha = 3, DecomposeBoth = both }.Plan(Llama2.LinearMaps)[0];
        var filter = plan.Filters[0];

        Assert.Equal((left, right), (filter.Left!.Rank, filter.Right.Rank));
        Assert.Equal(new ConstantCoefficient(3f / rank), plan.Coefficients);
        Assert.Equal((left is null ? 4096 : 128 * rank) + (right is null ? 4096 : 128 * rank), plan.ParameterCount);
    }

    [Fact]
    public void Full_fine_tuning_is_every_weight_of_the_linear_maps()
    {
        Assert.Equal(Llama2.LinearMaps.Sum(map => (long)map.Rows * map.Columns), Count(new FullFineTuning(), Llama2));
        Assert.Equal(4096L * 4096 * 32, Count(new FullFineTuning { TargetModules = ["q_proj"] }, Llama2));
    }

    [Fact]
    public void DoRA_adds_a_number_for_each_output_to_LoRA() =>
        Assert.Equal(Count(new LoraAdapter(), Llama3) + 32 * (4096 + 1024 + 1024 + 4096), Count(new DoraAdapter(), Llama3));

    [Fact]
    public void Methods_have_short_names()
    {
        Assert.All(AdapterMethods.Names, name => Assert.NotEmpty(AdapterMethods.Create(name).Plan(Llama2.LinearMaps)));
        Assert.IsType<MokaAdapter>(AdapterMethods.Create(AdapterMethods.Names[0]));
        Assert.Contains("moka, moka_paper, moka_s", Assert.Throws<ArgumentException>(() => AdapterMethods.Create("MoKA")).Message);
    }

    [Theory]
    [InlineData("q_proj", "self_attn.q_proj", "self_attn.q_proj")]
    [InlineData("mlp.up_proj", "mlp.up_proj", "mlp.up_proj")]
    [InlineData("*.mlp.*", "mlp.gate_proj", "mlp.down_proj")]
    [InlineData("*", "self_attn.q_proj", "mlp.down_proj")]
    public void Targets_are_names_or_patterns(string target, string first, string last)
    {
        var plans = new MokaAdapter { TargetModules = [target] }.Plan(TinyLlama.Config.LinearMaps);

        Assert.Equal($"model.layers.0.{first}", plans[0].Map.Name);
        Assert.Equal($"model.layers.1.{last}", plans[^1].Map.Name);
    }

    [Fact]
    public void No_targets_are_refused_whether_they_are_none_or_null()
    {
        foreach (var targets in (IReadOnlyList<string>?[])[[], null])
            Assert.Contains(
                "TargetModules are empty",
                Assert.Throws<ArgumentException>(() => new MokaAdapter { TargetModules = targets! }.Plan(TinyLlama.Config.LinearMaps)).Message,
                StringComparison.Ordinal);
    }

    [Fact]
    public void Layers_narrow_the_targets()
    {
        var plans = new MokaAdapter { Layers = [1], TargetModules = ["v_proj", "model.layers.0.mlp.up_proj", "*.q_proj"] }.Plan(TinyLlama.Config.LinearMaps);

        Assert.Equal(["model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.v_proj"], plans.Select(plan => plan.Map.Name));
    }

    public static TheoryData<AdapterOptions, string> Invalid => new()
    {
        { new MokaAdapter { TargetModules = [] }, "TargetModules" },
        { new MokaAdapter { TargetModules = ["proj_q"] }, "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj" },
        { new MokaAdapter { TargetModules = ["roj"] }, "'roj'" },
        { new MokaAdapter { Layers = [2] }, "layers 0 to 1" },
        { new MokaAdapter { Layers = [] }, "Layers" },
        { new MokaAdapter { Layers = [1], TargetModules = ["model.layers.0.mlp.up_proj"] }, "Layers" },
        { new MokaAdapter { Filters = 0 }, "Filters" },
        { new MokaAdapter { Filters = 100000 }, "Filters" },
        { new MokaAdapter { FilterShapes = [] }, "FilterShapes" },
        { new MokaAdapter { FilterShapes = [new FactorShape(3, 4)] }, "4x4" },
        { new MokaAdapter { Dropout = 1 }, "Dropout" },
        { new MokaAdapter { Dropout = float.NaN }, "Dropout" },
        { new MokaSAdapter { IdentitySizes = [5] }, "nearest that fits is 4" },
        { new CdkaAdapter { R1 = 5 }, "R1 must divide the 32 outputs of the map model.layers.0.self_attn.q_proj; the nearest that does is 4" },
        { new CdkaAdapter { R2 = 1000 }, "R2 must divide the 32 inputs of the map model.layers.0.self_attn.q_proj; the nearest that does is 32" },
        { new CdkaAdapter { R2 = 0 }, "the nearest that does is 1" },
        { new CdkaAdapter { Filters = 0 }, "Filters" },
        { new CdkaAdapter { Alpha = float.NaN }, "Alpha" },
        { new KronaAdapter { Shape = new FactorShape(3, 5) }, "4x4" },
        { new KronaAdapter { Scale = float.NaN }, "Scale" },
        { new LokrAdapter { Rank = 0 }, "Rank" },
        { new LokrAdapter { DecomposeFactor = 0 }, "DecomposeFactor must be at least 1, or -1" },
        { new LokrAdapter { Alpha = float.NegativeInfinity }, "Alpha" },
        { new DoraAdapter { Rank = 33 }, "Rank must be between 1 and 32" },
        { new FullFineTuning { TargetModules = ["lm_head"] }, "lm_head" },
        { new LoraAdapter { Rank = 0 }, "Rank" },
        { new LoraAdapter { Rank = 33 }, "between 1 and 32" },
        { new LoraAdapter { Alpha = float.PositiveInfinity }, "Alpha" },
    };

    [Theory]
    [MemberData(nameof(Invalid))]
    public void Wrong_options_are_refused_in_words(AdapterOptions options, string expected) =>
        Assert.Contains(expected, Assert.ThrowsAny<ArgumentException>(() => options.Plan(TinyLlama.Config.LinearMaps)).Message);

    public static TheoryData<AdapterOptions> Written =>
    [
        new MokaAdapter { Filters = 3, Dropout = 0.25f, Layers = [0, 1] },
        new MokaAdapter { FilterShapes = [new FactorShape(4, 8), new FactorShape(2, 2)], TargetModules = ["*.mlp.*"] },
        new MokaSAdapter { IdentitySizes = [8, 4] },
        new CdkaAdapter { R1 = 4, R2 = 8, Filters = 3, Alpha = 12.5f, Dropout = 0.5f },
        new KronaAdapter { Scale = 0.25f },
        new KronaAdapter { Shape = new(8, 4), Dropout = 0.5f },
        new LoraAdapter { Rank = 4, Alpha = 8, Dropout = 0.5f },
        new LoraAdapter { Rank = 4, RankStabilized = true },
        new LokrAdapter { Rank = 2, Alpha = 5, Dropout = 0.5f },
        new LokrAdapter { Rank = 1, DecomposeBoth = true, DecomposeFactor = 4 },
        new DoraAdapter { Rank = 4, Alpha = 8, Dropout = 0.5f },
        new DoraAdapter { Rank = 4, RankStabilized = true },
        new FullFineTuning { Dropout = 0.5f },
    ];

    [Theory]
    [MemberData(nameof(Written))]
    public void Options_read_back_from_their_file_plan_the_same(AdapterOptions options)
    {
        var json = AdapterConfigFile.Write(options, Maps, null);
        var read = Parse(json);

        Assert.Equal(options.GetType(), read.GetType());
        Assert.Equal(options.Dropout, read.Dropout);
        Assert.Equal(json, AdapterConfigFile.Write(read, Maps, null));
        Assert.Equal(Describe(options), Describe(read));
    }

    [Theory]
    [InlineData("""{"peft_type":"PREFIX_TUNING"}""", "peft_type")]
    [InlineData("""{"peft_type":"LORA","r":-1,"lora_alpha":8}""", "'r'")]
    [InlineData("""{"peft_type":"MOKA","filter_shapes":[[4]]}""", "filter_shapes")]
    [InlineData("""{"peft_type":"MOKA","filters":2000000000}""", "filters")]
    [InlineData("""{"peft_type":"MOKA","target_modules":[7]}""", "target_modules")]
    [InlineData("""{"peft_type":"CDKA","r":4,"r1":2,"cdka_alpha":8}""", "'r2' is missing")]
    [InlineData("""{"peft_type":"CDKA","r":4,"r1":0,"r2":2,"cdka_alpha":8}""", "'r1'")]
    [InlineData("""{"peft_type":"KRONA","shape":[4]}""", "'shape'")]
    [InlineData("""{"peft_type":"MOKA",""", "not valid JSON")]
    public void A_wrong_file_is_refused_by_field(string json, string expected) =>
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => Parse(Encoding.UTF8.GetBytes(json))).Message);

    private static IReadOnlyList<MapShape> Maps => [.. TinyLlama.Config.LinearMaps];

    private static AdapterOptions Parse(byte[] json) =>
        AdapterConfigFile.Parse(
            json, "adapter_config.json", SafetensorsFile.Read("adapter_model.safetensors", SafetensorsWriter.ToBytes([])), Maps, TinyLlama.Config.Shape);

    private static string Describe(AdapterOptions options) => string.Join('\n', options.Plan(TinyLlama.Config.LinearMaps).Select(
        plan => $"{plan.Map.Name} {plan.Coefficients} {string.Join(' ', plan.Filters)}"));

    private static long Count(AdapterOptions options, LlamaConfig config) => options.Plan(config.LinearMaps).Sum(plan => plan.ParameterCount);
}
