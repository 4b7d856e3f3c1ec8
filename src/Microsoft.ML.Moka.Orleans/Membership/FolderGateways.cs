using Orleans.Messaging;
using Orleans.Runtime;

namespace Microsoft.ML.Moka.Orleans.Membership;

/// <summary>The gateways of the silos in a <see cref="MemberFile"/>, for clients.</summary>
internal sealed class FolderGateways(MemberFile file) : IGatewayListProvider
{
    public TimeSpan MaxStaleness => TimeSpan.FromSeconds(1);

    public bool IsUpdatable => true;

    public Task InitializeGatewayListProvider() => Task.CompletedTask;

    public Task<IList<Uri>> GetGateways() => file.Use(found =>
    {
        var table = FolderMembershipTable.WithoutEnded(found);
        IList<Uri> gateways =
        [
            .. table.Members.Where(member => member.Status == (int)SiloStatus.Active && member.GatewayPort > 0).Select(member =>
            {
                var silo = SiloAddress.FromParsableString(member.Silo);
                return new Uri(FormattableString.Invariant($"gwy.tcp://{silo.Endpoint.Address}:{member.GatewayPort}/{silo.Generation}"));
            }),
        ];
        return (table, gateways);
    });
}
