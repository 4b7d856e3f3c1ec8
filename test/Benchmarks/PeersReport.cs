using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>What one turn took.</summary>
internal sealed record Turn(double BestSeconds, double MedianSeconds, double PeakGiB);

/// <summary>One part on one shape: the turns of each who took part, round by round. The first is Moka.</summary>
internal sealed record PeerLine(string Model, PeerPart Part, IReadOnlyDictionary<string, List<Turn>> Turns)
{
    public const string Moka = "Moka";

    /// <summary>By how much a peer took longer, in the median of the rounds.</summary>
    public double Ratio(string peer, Func<Turn, double> time) => Median(Turns[peer].Zip(Turns[Moka], (theirs, ours) => time(theirs) / time(ours)));

    public double Of(string who, Func<Turn, double> time) => Median(Turns[who].Select(time));

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}

internal sealed record PeersReport(string Machine, PeersOptions Options, IReadOnlyList<string> Peers, IReadOnlyList<PeerLine> Lines)
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    public string ToJson() => JsonSerializer.Serialize(
        new
        {
            Machine, Options.Threads, Options.Rounds, Options.Steps, Options.MokaOptions, Peers,
            Lines = Lines.Select(line => new
            {
                line.Model, Part = line.Part.Name, line.Turns,
                Ratios = line.Turns.Keys.Where(who => who != PeerLine.Moka).ToDictionary(
                    who => who, who => new { Best = line.Ratio(who, turn => turn.BestSeconds), Median = line.Ratio(who, turn => turn.MedianSeconds) }),
            }),
        }, Json);

    /// <summary>A table: times are medians over the rounds of each turn's median; a ratio above 1 says that Moka is faster.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Machine}, {Options.Threads} threads, {Options.Rounds} rounds in turn: {string.Join(", ", Peers)}.");
        text.Append("\n\n| | Moka | | | their time by Moka's: medians | best | peak memory by Moka's |\n|---|---|---|---|---|---|---|\n");
        foreach (var line in Lines)
            foreach (var peer in line.Turns.Keys.Where(who => who != PeerLine.Moka))
                text.Append(CultureInfo.InvariantCulture,
                    $"| {line.Model}: {line.Part.Title} | {Time(line, PeerLine.Moka)} | {peer} | {Time(line, peer)} | " +
                    $"{line.Ratio(peer, turn => turn.MedianSeconds):f2} | {line.Ratio(peer, turn => turn.BestSeconds):f2} | " +
                    $"{line.Ratio(peer, turn => turn.PeakGiB):f1} |\n");
        return text.ToString();
    }

    private static string Time(PeerLine line, string who)
    {
        var seconds = line.Of(who, turn => turn.MedianSeconds);
        var (value, unit) = seconds < 0.5 ? (seconds * 1e3, "ms") : (seconds, "s");
        return string.Create(CultureInfo.InvariantCulture, $"{value:g3} {unit}");
    }
}
