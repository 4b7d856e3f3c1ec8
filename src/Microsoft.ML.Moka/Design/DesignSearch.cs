using System.Globalization;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;

namespace Microsoft.ML.Moka.Design;

/// <summary>Finds the sizes of an adapter for a budget or a rank, among the candidates of its method.</summary>
internal sealed class DesignSearch
{
    private const double EnoughOfTheBudget = 0.9;

    private readonly AdapterOptions _template;
    private readonly IReadOnlyList<MapShape> _maps;
    private readonly IReadOnlyList<(MapShape Map, int Count)> _kinds;
    private readonly IReadOnlyList<Candidate> _candidates;

    public DesignSearch(AdapterOptions template, LlamaConfig config)
    {
        _template = template;
        _maps = TargetMaps.Select(config.LinearMaps, template.TargetModules, template.Layers);
        // Maps of one size get the same, so one of each is enough to count with.
        _kinds = [.. _maps.GroupBy(map => (map.Rows, map.Columns)).Select(group => (group.First(), group.Count()))];
        _candidates = [.. template.Candidates([.. _kinds.Select(kind => kind.Map)]).Select(Measure)];
    }

    public AdapterOptions ForBudget(long parameters)
    {
        var affordable = _candidates.Where(candidate => candidate.Parameters <= parameters).ToList();
        if (affordable.Count == 0)
            throw TooSmall(parameters);
        var enough = EnoughOfTheBudget * affordable.Max(candidate => candidate.Parameters);
        // MaxBy takes the first of equals: candidates come in the order of preference.
        return Keep(affordable.Where(candidate => candidate.Parameters >= enough).MaxBy(candidate => candidate.RankSum)!);
    }

    public AdapterOptions ForRank(int rank)
    {
        var narrowest = _maps.MinBy(map => Math.Min(map.Rows, map.Columns))!;
        var limit = Math.Min(narrowest.Rows, narrowest.Columns);
        if (rank > limit)
            throw new ArgumentOutOfRangeException(nameof(rank), rank, string.Create(CultureInfo.InvariantCulture,
                $"No update of {narrowest.Module} ({narrowest.Rows}x{narrowest.Columns}) has a rank above {limit}: " +
                $"the nearest choice is {limit}, or to leave the map out of TargetModules."));
        var reaching = _candidates.Where(candidate => candidate.SmallestRank >= rank).ToList();
        if (reaching.Count > 0)
            return Keep(reaching.MinBy(candidate => candidate.Parameters)!);
        var best = _candidates.MaxBy(candidate => candidate.SmallestRank)!;
        throw new ArgumentOutOfRangeException(nameof(rank), rank, string.Create(CultureInfo.InvariantCulture,
            $"{_template.Method} reaches no rank of {rank} on {Modules}. " +
            $"The nearest is rank {best.SmallestRank} with {OptionsText.Of(Keep(best))}, {best.Parameters:N0} parameters."));
    }

    private string Modules => string.Join(", ", _maps.Select(map => map.Module).Distinct());

    private Candidate Measure(AdapterOptions options)
    {
        options.TargetModules = [.. _kinds.Select(kind => kind.Map.Name)];
        options.Layers = null;
        var plans = options.Plan(_kinds.Select(kind => kind.Map));
        var ranks = plans.Select(PlanFigures.ReachableRank).ToList();
        return new Candidate(
            options,
            plans.Zip(_kinds, (plan, kind) => plan.ParameterCount * kind.Count).Sum(),
            ranks.Zip(_kinds, (rank, kind) => (long)rank * kind.Count).Sum(),
            ranks.Min());
    }

    private AdapterOptions Keep(Candidate candidate)
    {
        var options = candidate.Options.Copy();
        options.TargetModules = _template.TargetModules;
        options.Layers = _template.Layers;
        return options;
    }

    private ArgumentOutOfRangeException TooSmall(long parameters)
    {
        var cheapest = _candidates.MinBy(candidate => candidate.Parameters)!;
        var layers = _maps.Select(map => map.Layer).Distinct().Order().ToList();
        var fitting = (int)(layers.Count * (double)parameters / cheapest.Parameters);
        var advice = fitting >= 1
            ? $"On {fitting} of the {layers.Count} layers that fits the budget: Layers = [{string.Join(", ", layers.TakeLast(fitting))}]."
            : "The budget does not even suffice for one layer: take fewer TargetModules.";
        return new ArgumentOutOfRangeException(nameof(parameters), parameters, string.Create(CultureInfo.InvariantCulture,
            $"A budget of {parameters:N0} parameters is too small for {_template.Method} on {_maps.Count} maps ({Modules}). " +
            $"The nearest choice is {OptionsText.Of(Keep(cheapest))} with {cheapest.Parameters:N0}. {advice}"));
    }

    /// <param name="Options">Sizes; maps and layers are those of the search.</param>
    /// <param name="Parameters">Of all maps together.</param>
    /// <param name="RankSum">The reachable ranks of all maps together.</param>
    /// <param name="SmallestRank">The smallest of them.</param>
    private sealed record Candidate(AdapterOptions Options, long Parameters, long RankSum, int SmallestRank);
}
