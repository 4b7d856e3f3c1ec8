using System.Text;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Design;

namespace Microsoft.ML.Moka.Tests.Design;

public sealed class AdapterDesignerTests
{
    private static readonly string[] AllMaps = ["*_proj"];

    private static readonly LlamaConfig Llama2Config = new()
    {
        HiddenSize = 4096, IntermediateSize = 11008, LayerCount = 32, QueryHeads = 32, KeyValueHeads = 32, HeadWidth = 128, VocabularySize = 32000,
    };

    private static readonly AdapterDesigner Llama2 = For(Llama2Config);
    private static readonly AdapterDesigner Llama3 = For(Llama2Config with { IntermediateSize = 14336, KeyValueHeads = 8, VocabularySize = 128256 });

    /// <summary>A width of the feed-forward part that is prime.</summary>
    private static readonly AdapterDesigner Prime = For(Llama2Config with { IntermediateSize = 11003 });

    public static TheoryData<AdapterOptions> Methods =>
    [
        new MokaAdapter(), new MokaAdapter { TargetModules = AllMaps }, new MokaSAdapter(), new MokaSAdapter { TargetModules = AllMaps },
        new CdkaAdapter(), new CdkaAdapter { TargetModules = AllMaps }, new KronaAdapter(), new KronaAdapter { TargetModules = AllMaps },
        new LoraAdapter { TargetModules = AllMaps }, new LoraAdapter { RankStabilized = true },
        new LokrAdapter(), new LokrAdapter { TargetModules = AllMaps }, new DoraAdapter { TargetModules = AllMaps },
    ];

    [Fact]
    public void The_published_counts_come_out_of_configs_alone()
    {
        Assert.Equal(5_242_880 + 640, Llama2.Describe(new MokaAdapter()).TrainableParameterCount);
        Assert.Equal(3_932_160 + 640, Llama3.Describe(new MokaAdapter()).TrainableParameterCount);
        Assert.Equal(6_738_415_616, Llama2.BackboneParameterCount);
    }

    [Fact]
    public void Rank_and_operations_are_those_of_the_factors()
    {
        var map = Llama3.Describe(new MokaAdapter { FilterShapes = [new FactorShape(2, 16)], TargetModules = ["k_proj"] }).Maps[0];
        // A 2x16 (rank 2), B 512x256 (rank 256). B first: 16·256·512 + 2·16·512; A first: 2·16·256 + 2·256·512.
        Assert.Equal(512, map.ReachableRank);
        Assert.Equal(2 * 16 * 256 + 2 * 256 * 512, map.OperationsPerToken);
        Assert.Equal("2x16/512x256", map.Filters);

        var blockDiagonal = Llama3.Describe(new MokaSAdapter { IdentitySizes = [64], TargetModules = ["k_proj"] }).Maps[0];
        Assert.Equal(1024, blockDiagonal.ReachableRank);
        Assert.Equal(64 * 16 * 64, blockDiagonal.OperationsPerToken);
        Assert.Equal("I64/16x64", blockDiagonal.Filters);

        var nested = Llama3.Describe(new LokrAdapter { Rank = 2, TargetModules = ["k_proj"] }).Maps[0];
        Assert.Equal("32x64/32x64:2", nested.Filters);
        Assert.Equal(32 * 2, nested.ReachableRank);
        Assert.Equal(32 * 64 + 2 * (32 + 64), nested.TrainableParameterCount);

        var lowRank = Llama3.Describe(new LoraAdapter { Rank = 8, TargetModules = ["k_proj"] }).Maps[0];
        Assert.Equal(8, lowRank.ReachableRank);
        Assert.Equal(8 * (1024 + 4096), lowRank.OperationsPerToken);
        Assert.Equal(1024 * 4096, lowRank.FrozenOperationsPerToken);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_budget_is_kept_and_used(AdapterOptions options)
    {
        foreach (var designer in (AdapterDesigner[])[Llama2, Llama3])
        {
            var design = designer.ForBudget(options, 20_000_000);
            var larger = designer.ForBudget(options, 80_000_000);

            Assert.InRange(design.TrainableParameterCount, 20_000_000 / 4, 20_000_000);
            Assert.True(larger.TrainableParameterCount > design.TrainableParameterCount);
            Assert.Equal(options.TargetModules, design.Options.TargetModules);
            Assert.Equal(design.TrainableParameterCount, designer.Describe(design.Options).TrainableParameterCount);
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_rank_is_reached_and_no_dearer_than_needed(AdapterOptions options)
    {
        var small = Llama3.ForRank(options, 8);
        var large = Llama3.ForRank(options, 1024);

        Assert.True(small.SmallestRank >= 8);
        Assert.Equal(1024, large.SmallestRank);
        Assert.True(small.TrainableParameterCount <= large.TrainableParameterCount);
    }

    [Fact]
    public void Filters_of_awkward_sizes_are_balanced_and_differ()
    {
        foreach (var (designer, width) in new[] { (Llama2, 11008), (Llama3, 14336) })
        {
            var map = designer.Describe(new MokaAdapter { TargetModules = ["down_proj"] }).Maps[0];

            Assert.Equal(4096, map.ReachableRank);
            Assert.Equal(5, map.Filters.Split(' ').Distinct().Count());
            // 2√(mn) is the least that a filter can have, five gates come on top.
            Assert.InRange(map.TrainableParameterCount - 5, 5 * 2 * Math.Sqrt(4096.0 * width), 5 * 2 * Math.Sqrt(4096.0 * width) * 1.05);
        }
    }

    [Fact]
    public void The_proposal_for_LoRA_is_the_largest_rank_that_fits()
    {
        Assert.Equal(32, ((LoraAdapter)Llama3.ForBudget(new LoraAdapter
        {
            TargetModules = ["q_proj", "k_proj", "v_proj", "up_proj", "down_proj"],
        }, 56_623_104).Options).Rank);
        Assert.Equal(31, ((LoraAdapter)Llama3.ForBudget(new LoraAdapter
        {
            TargetModules = ["q_proj", "k_proj", "v_proj", "up_proj", "down_proj"],
        }, 56_623_103).Options).Rank);
    }

    [Fact]
    public void Full_fine_tuning_has_no_sizes_to_choose()
    {
        var design = Llama2.ForBudget(new FullFineTuning(), 7_000_000_000);

        Assert.Equal(6_476_005_376, design.TrainableParameterCount);
        Assert.Equal(4096, design.SmallestRank);
        Assert.Contains("new FullFineTuning() with 6,476,005,376",
            Assert.Throws<ArgumentOutOfRangeException>(() => Llama2.ForBudget(new FullFineTuning(), 1_000_000)).Message);
    }

    [Fact]
    public void What_is_no_size_is_kept()
    {
        var given = new MokaAdapter { Dropout = 0.1f, Layers = [3, 4], TargetModules = ["o_proj"], FilterShapes = [new FactorShape(3, 5)] };
        var design = Llama2.ForBudget(given, 100_000);

        Assert.Equal(0.1f, design.Options.Dropout);
        Assert.Equal([3, 4], design.Maps.Select(map => map.Layer));
        Assert.Equal([new FactorShape(3, 5)], given.FilterShapes);
    }

    [Fact]
    public void A_design_is_not_changed_by_its_options()
    {
        var options = new MokaAdapter();
        var design = Llama2.Describe(options);
        options.Filters = 7;

        Assert.Equal(5, ((MokaAdapter)design.Options).Filters);
    }

    [Fact]
    public void A_budget_that_is_too_small_is_refused_with_what_fits()
    {
        var layers = Assert.Throws<ArgumentOutOfRangeException>(() => Llama2.ForBudget(new LoraAdapter(), 100_000)).Message;
        Assert.Contains("new LoraAdapter { Rank = 1 } with 1,048,576", layers);
        Assert.Contains("Layers = [29, 30, 31]", layers);
        Assert.Equal(98_304, Llama2.ForBudget(new LoraAdapter { Layers = [29, 30, 31] }, 100_000).TrainableParameterCount);

        Assert.Contains("fewer TargetModules", Assert.Throws<ArgumentOutOfRangeException>(() => Llama2.ForBudget(new MokaSAdapter(), 1)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => Llama2.ForBudget(new MokaAdapter(), 0));
    }

    [Fact]
    public void A_rank_that_cannot_be_is_refused_with_what_can() =>
        Assert.Contains(
            "k_proj (1024x4096) has a rank above 1024", Assert.Throws<ArgumentOutOfRangeException>(() => Llama3.ForRank(new LoraAdapter(), 1025)).Message);

    [Fact]
    public void Sizes_that_do_not_factor_are_explained()
    {
        Assert.Contains("11003 (prime)", Assert.Single(Prime.Describe(new MokaAdapter { TargetModules = ["up_proj"] }).Notes));
        Assert.Contains("as many parameters as the map itself", Assert.Single(Prime.Describe(new MokaSAdapter { TargetModules = ["up_proj"] }).Notes));
        Assert.Contains("11003x4096 (up_proj)",
            Assert.Throws<ArgumentException>(() => Prime.ForBudget(new MokaSAdapter { TargetModules = ["up_proj"] }, 1_000_000)).Message);
        Assert.Contains("nearest that fits is", Assert.Throws<ArgumentException>(() => Prime.Describe(new MokaAdapter
        {
            FilterShapes = [new FactorShape(64, 64)],
            TargetModules = ["up_proj"],
        })).Message);
        Assert.Empty(Llama2.Describe(new MokaAdapter { TargetModules = AllMaps }).Notes);
    }

    [Theory]
    [InlineData(11008, "11008 = 2^8·43")]
    [InlineData(14336, "14336 = 2^11·7")]
    [InlineData(13, "13 (prime)")]
    [InlineData(1, "1")]
    public void Numbers_are_shown_by_factors(int number, string expected) => Assert.Equal(expected, DesignNotes.Factors(number));

    [Fact]
    public void The_table_has_a_line_for_each_kind_of_map_and_totals()
    {
        var lines = Llama3.Describe(new LoraAdapter
        {
            Rank = 2,
            TargetModules = ["q_proj", "up_proj"],
            Layers = [0, 1, 2, 7],
        }).ToString().Split(Environment.NewLine);

        Assert.Equal("new LoraAdapter { Rank = 2, TargetModules = [\"q_proj\", \"up_proj\"], Layers = [0, 1, 2, 7] } on config", lines[0]);
        Assert.Equal("map      layers  shape       parameters  rank  operations  filters A/B", lines[1]);
        Assert.Equal("q_proj   0-2,7   4096x4096       16,384     2      16,384  2*4096x1/1x4096", lines[2]);
        Assert.Equal("up_proj  0-2,7   14336x4096      36,864     2      36,864  2*14336x1/1x4096", lines[3]);
        Assert.StartsWith("Total: 8 maps, 212,992 trained parameters = 0.003 % of the backbone's 8,030,261,248.", lines[4]);
    }

    [Fact]
    public void The_rows_are_data_for_MLNet()
    {
        var mlContext = new MLContext();
        var design = Llama2.Describe(new MokaAdapter());

        var view = mlContext.Data.LoadFromEnumerable(design.Maps);
        using var cursor = view.GetRowCursor([view.Schema["Map"], view.Schema["TrainableParameterCount"]]);
        var parameters = cursor.GetGetter<long>(view.Schema["TrainableParameterCount"]);
        var total = 0L;
        while (cursor.MoveNext())
        {
            var value = 0L;
            parameters(ref value);
            total += value;
        }

        Assert.Equal(design.TrainableParameterCount, total);
    }

    [Fact]
    public void A_config_comes_from_a_file_a_folder_or_the_package()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("config.json"), LlamaConfigFile.Write(Llama2Config));

        Assert.Equal(Llama2.BackboneParameterCount, AdapterDesigner.ForBackbone(folder.File("config.json")).BackboneParameterCount);
        Assert.Equal(Llama2.BackboneParameterCount, AdapterDesigner.ForBackbone(Path.GetDirectoryName(folder.File("config.json"))!).BackboneParameterCount);
        Assert.True(AdapterDesigner.ForBackbone().Describe(new MokaAdapter()).TrainableShare < 0.1);
        Assert.Throws<FileNotFoundException>(() => AdapterDesigner.ForBackbone(folder.File("nowhere")));
        Assert.Throws<InvalidDataException>(() => AdapterDesigner.ForConfig("""{"model_type":"llama"}"""));
    }

    private static AdapterDesigner For(LlamaConfig config) => AdapterDesigner.ForConfig(Encoding.UTF8.GetString(LlamaConfigFile.Write(config)));
}
