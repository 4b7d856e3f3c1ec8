using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>What one turn took.</summary>
internal sealed record Turn(double BestSeconds, double MedianSeconds, double PeakGiB);

/// <summary>One part on one shape: the turns of each who took part, round by round.</summary>
/// <param name="Model">The shape.</param>
/// <param name="Part">What was done.</param>
/// <param name="Own">Moka, with its precision if that was chosen.</param>
/// <param name="Turns">Those of Moka and of its peers.</param>
internal sealed record PeerLine(string Model, PeerPart Part, string Own, IReadOnlyDictionary<string, List<Turn>> Turns)
{
    public const string Moka = "Moka";

    public IEnumerable<string> Peers => Turns.Keys.Where(who => who != Own);

    /// <summary>By how much a peer took longer, in the median of the rounds.</summary>
    public double Ratio(string peer, Func<Turn, double> time) => Median(Turns[peer].Zip(Turns[Own], (theirs, ours) => time(theirs) / time(ours)));

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
                line.Model, Part = line.Part.Name, line.Own, line.Turns,
                Ratios = line.Peers.ToDictionary(
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
            foreach (var peer in line.Peers)
                text.Append(CultureInfo.InvariantCulture,
                    $"| {line.Model}: {line.Part.Title} | {Precision(line)}{Time(line, line.Own)} | {peer} | {Time(line, peer)} | " +
                    $"{line.Ratio(peer, turn => turn.MedianSeconds):f2} | {line.Ratio(peer, turn => turn.BestSeconds):f2} | " +
                    $"{line.Ratio(peer, turn => turn.PeakGiB):f1} |\n");
        return text.ToString();
    }

    private static string Precision(PeerLine line) => line.Own == PeerLine.Moka ? "" : line.Own[(PeerLine.Moka.Length + 1)..] + " ";

    private static string Time(PeerLine line, string who)
    {
        var seconds = line.Of(who, turn => turn.MedianSeconds);
        var (value, unit) = seconds < 0.5 ? (seconds * 1e3, "ms") : (seconds, "s");
        return string.Create(CultureInfo.InvariantCulture, $"{value:g3} {unit}");
    }
}
