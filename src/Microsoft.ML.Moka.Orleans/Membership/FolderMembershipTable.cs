using System.Diagnostics;
using System.Globalization;
using Orleans;
using Orleans.Runtime;

namespace Microsoft.ML.Moka.Orleans.Membership;

/// <summary>Orleans' membership table in a <see cref="MemberFile"/>. Of a silo on this machine the system tells whether its process is alive.</summary>
internal sealed class FolderMembershipTable(MemberFile file) : IMembershipTable
{
    public Task InitializeMembershipTable(bool tryInitTableVersion) => Task.CompletedTask;

    public Task DeleteMembershipTableEntries(string clusterId) => file.Use(table => (new MemberTable(table.Version + 1, []), true));

    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => file.Use(table =>
    {
        Member[] left = [.. table.Members.Where(member => member.Status != (int)SiloStatus.Dead || member.Alive >= beforeDate.UtcDateTime)];
        return (left.Length == table.Members.Count ? table : table with { Members = left }, true);
    });

    public Task<MembershipTableData> ReadRow(SiloAddress key) => Read(member => member.Silo == key.ToParsableString());

    public Task<MembershipTableData> ReadAll() => Read(_ => true);

    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) => file.Use(table =>
    {
        var member = Of(entry, eTag: 0) with { ProcessId = Environment.ProcessId, ProcessStarted = StartOf(Environment.ProcessId) ?? 0 };
        return tableVersion.VersionEtag != Text(table.Version) || table.Members.Any(other => other.Silo == member.Silo)
            ? (table, false)
            : (new MemberTable(tableVersion.Version, [.. table.Members, member]), true);
    });

    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) => file.Use(table =>
    {
        var silo = entry.SiloAddress.ToParsableString();
        return tableVersion.VersionEtag != Text(table.Version)
            || table.Members.FirstOrDefault(other => other.Silo == silo) is not { } old || Text(old.ETag) != etag
            ? (table, false)
            : (new MemberTable(tableVersion.Version, Replaced(
                table, Of(entry, old.ETag + 1) with { ProcessId = old.ProcessId, ProcessStarted = old.ProcessStarted })), true);
    });

    public Task UpdateIAmAlive(MembershipEntry entry) => file.Use(table =>
    {
        var silo = entry.SiloAddress.ToParsableString();
        return table.Members.FirstOrDefault(other => other.Silo == silo) is { } old
            ? (table with { Members = Replaced(table, old with { Alive = entry.IAmAliveTime }) }, true)
            : (table, false);
    });

    /// <summary>The table with the silos of this machine dead whose processes have ended.</summary>
    public static MemberTable WithoutEnded(MemberTable table)
    {
        var ended = table.Members.Where(member =>
            member.Status != (int)SiloStatus.Dead && member.HostName == Environment.MachineName
            && StartOf(member.ProcessId) != member.ProcessStarted).ToHashSet();
        return ended.Count == 0
            ? table
            : new MemberTable(table.Version + 1,
                [.. table.Members.Select(member => ended.Contains(member) ? member with { Status = (int)SiloStatus.Dead, ETag = member.ETag + 1 } : member)]);
    }

    private Task<MembershipTableData> Read(Func<Member, bool> wanted) => file.Use(found =>
    {
        var table = WithoutEnded(found);
        return (table, new MembershipTableData(
            [.. table.Members.Where(wanted).Select(member => Tuple.Create(EntryOf(member), Text(member.ETag)))],
            new TableVersion(table.Version, Text(table.Version))));
    });

    private static Member[] Replaced(MemberTable table, Member member) =>
        [.. table.Members.Select(other => other.Silo == member.Silo ? member : other)];

    private static Member Of(MembershipEntry entry, int eTag) => new(
        entry.SiloAddress.ToParsableString(), (int)entry.Status, entry.ProxyPort, Environment.MachineName, entry.SiloName, entry.StartTime, entry.IAmAliveTime,
        eTag, 0, 0, [.. (entry.SuspectTimes ?? []).Select(vote => new Suspicion(vote.Item1.ToParsableString(), vote.Item2))]);

    private static MembershipEntry EntryOf(Member member) => new()
    {
        SiloAddress = SiloAddress.FromParsableString(member.Silo),
        Status = (SiloStatus)member.Status,
        ProxyPort = member.GatewayPort,
        HostName = member.HostName,
        SiloName = member.SiloName,
        StartTime = member.Started,
        IAmAliveTime = member.Alive,
        SuspectTimes = [.. member.Suspicions.Select(vote => Tuple.Create(SiloAddress.FromParsableString(vote.Silo), vote.Time))],
    };

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    // Another process may have the number by now, but not the same beginning.
    private static long? StartOf(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            return process.HasExited ? null : process.StartTime.Ticks / TimeSpan.TicksPerSecond;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }
}
