using System.Diagnostics.CodeAnalysis;
using Microsoft.ML.Moka.Adapters;

namespace Microsoft.ML.Moka;

/// <summary>
/// Which weight update is trained, and on which linear maps: <see cref="MokaAdapter"/>, <see cref="MokaSAdapter"/>, <see cref="CdkaAdapter"/>,
/// <see cref="KronaAdapter"/>, <see cref="LokrAdapter"/>, <see cref="LoraAdapter"/>, <see cref="PissaAdapter"/>, <see cref="DoraAdapter"/>,
/// <see cref="HiraAdapter"/>, <see cref="MissAdapter"/> or <see cref="FullFineTuning"/>.
/// </summary>
// A trimmed program keeps the settings: the text of the options is made by looking at them.
[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)]
public abstract class AdapterOptions
{
    private protected AdapterOptions()
    {
    }

    /// <summary>
    /// The linear maps that get an adapter: names (<c>q_proj</c>, <c>mlp.up_proj</c>) or patterns over full names (<c>*.mlp.*</c>).
    /// By default the four maps of the attention.
    /// </summary>
    public IReadOnlyList<string> TargetModules { get; set; } = ["q_proj", "k_proj", "v_proj", "o_proj"];

    /// <summary>The decoder layers that get adapters, counted from 0; all if not set.</summary>
    public IReadOnlyList<int>? Layers { get; set; }

    /// <summary>
    /// The rate at which elements of an adapter's input are dropped in training. Other than 0, it makes a training step dearer: the update cannot ride on
    /// the expansion of the frozen weight.
    /// </summary>
    public float Dropout { get; set; }

    /// <summary>Ranks that some maps have in place of the method's, in files of PEFT's.</summary>
    internal ModuleValues? Ranks { get; set; }

    /// <summary>Alphas that some maps have in place of the method's, in files of PEFT's.</summary>
    internal ModuleValues? Alphas { get; set; }

    /// <summary>What happens to embedding and head, in files of PEFT's.</summary>
    internal IReadOnlyList<TableRule> Tables { get; set; } = [];

    /// <summary>The biases of the backbone that are trained as well, in files of PEFT's.</summary>
    internal IReadOnlyList<TrainedBias> Biases { get; set; } = [];

    /// <summary>What PEFT calls that choice of biases.</summary>
    internal string BiasKind { get; set; } = TrainedBiases.None;

    /// <summary>The layer that makes scores of hidden states; null where answers are words.</summary>
    internal ScoreHeadRule? Head { get; set; }

    /// <summary>The method's name in files: "MOKA".</summary>
    internal abstract string Method { get; }

    /// <summary>
    /// The usual learning rate times the backbone's width. The values were found on the embedded backbone at equal budgets (samples/CompareAdapters): methods
    /// whose update has few elements for each output want a higher rate.
    /// </summary>
    internal virtual float RateTimesWidth => 3;

    /// <summary>Whether single maps may have a rank of their own: <see cref="Ranks"/>.</summary>
    internal virtual bool HasModuleRanks => HasModuleAlphas;

    /// <summary>Whether initial values are made of the weights as they were before they were quantized.</summary>
    internal virtual bool StartsFromOriginalWeights => false;

    /// <summary>Whether single maps may have an alpha of their own: <see cref="Alphas"/>.</summary>
    internal virtual bool HasModuleAlphas => false;

    internal AdapterOptions Copy() => (AdapterOptions)MemberwiseClone();

    internal AdapterOptions WithHead(ScoreHeadRule? head) => Changed(this, options => options.Head = head);

    /// <summary>What is added to each of the maps that the options name.</summary>
    internal IReadOnlyList<AdapterPlan> Plan(IEnumerable<MapShape> maps)
    {
        Check(Dropout >= 0 && Dropout < 1, nameof(Dropout), Dropout, "must be at least 0 and below 1");
        // Files may adapt nothing but embedding or head.
        return TargetModules?.Count is 0 && Tables.Count > 0 ? [] : [.. TargetMaps.Select(maps, TargetModules, Layers).Select(Plan)];
    }

    /// <summary>
    /// Options with all sizes that are worth a thought on maps of these sizes, the rest as it is here; in the order of preference between those that are
    /// equally good. These alone, where the method has no sizes to choose.
    /// </summary>
    /// <param name="maps">A map of each size.</param>
    internal virtual IEnumerable<AdapterOptions> Candidates(IReadOnlyList<MapShape> maps) => [Copy()];

    /// <summary>Adds the fields of the method to those of all methods.</summary>
    internal abstract void Write(SortedDictionary<string, object?> fields);

    /// <summary>LoRA's rank and scale on embedding or head; null for methods that have none there.</summary>
    internal virtual (int Rank, float Scale)? OnTable(MapShape table) => null;

    private protected abstract AdapterPlan Plan(MapShape map);

    private protected static T Changed<T>(T options, Action<T> change)
        where T : AdapterOptions
    {
        var copy = (T)options.Copy();
        change(copy);
        return copy;
    }

    private protected int RankOf(MapShape map, int rank) => (int)(Ranks?.Of(map) ?? rank);

    private protected float AlphaOf(MapShape map, float alpha) => (float)(Alphas?.Of(map) ?? alpha);

    private protected static void CheckRank(MapShape map, int rank)
    {
        var largest = Math.Min(map.Rows, map.Columns);
        Check(rank >= 1 && rank <= largest, "Rank", rank, $"must be between 1 and {largest} on the map {map.Name} of shape {map.Rows}x{map.Columns}");
    }

    private protected static void CheckDivisor(string option, int value, MapShape map, int number, string side) => Check(
        value >= 1 && number % value == 0, option, value,
        $"must divide the {number} {side} of the map {map.Name}; the nearest that does is {FilterShapes.NearestDivisor(value, number)}");

    private protected static void CheckAlpha(float alpha) => Check(float.IsFinite(alpha), "Alpha", alpha, "must be a finite number");

    private protected static void Check(bool valid, string option, object value, string rule)
    {
        if (!valid)
            throw new ArgumentOutOfRangeException(option, value, $"The adapter's {option} {rule}.");
    }
}
