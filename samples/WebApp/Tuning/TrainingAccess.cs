using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;

namespace WebApp.Tuning;

[JsonConverter(typeof(JsonStringEnumConverter<TrainingRight>))]
public enum TrainingRight
{
    /// <summary>Nobody may train: it is turned off, or the service listens beyond this machine and has no key.</summary>
    Nobody,

    /// <summary>Whoever has the key.</summary>
    Key,

    /// <summary>Whoever is on this machine, for it listens nowhere else.</summary>
    ThisMachine,
}

/// <summary>Who may start and stop training, and put its model into service.</summary>
public sealed class TrainingAccess(IOptions<TrainingSettings> settings, IServer server)
{
    private const string Scheme = "Bearer ";

    private static readonly string[] HeadersOfProxies =
        ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "X-Original-For", "X-Original-Host", "X-Original-Proto"];

    public TrainingRight Right =>
        !settings.Value.Enabled ? TrainingRight.Nobody
        : !string.IsNullOrEmpty(settings.Value.Key) ? TrainingRight.Key
        : server.Features.Get<IServerAddressesFeature>() is { Addresses.Count: > 0 } bound && bound.Addresses.All(IsThisMachine) ? TrainingRight.ThisMachine
        : TrainingRight.Nobody;

    /// <summary>Why this request may not; null where it may.</summary>
    public IResult? Refusal(HttpContext context)
    {
        var request = context.Request;
        switch (Right)
        {
            case TrainingRight.Key when HasKey(request):
                return null;
            case TrainingRight.Key:
                context.Response.Headers.WWWAuthenticate = Scheme.TrimEnd();
                return TypedResults.Problem(
                    "Training, stopping and deploying need the key of this service, in the header 'Authorization: Bearer KEY'.",
                    title: "The key is missing or wrong", statusCode: StatusCodes.Status401Unauthorized);
            // A proxy on this machine brings requests of others; and no name but its own makes a page one of this machine.
            case TrainingRight.ThisMachine when IsThisMachine("http://" + request.Host) && !HeadersOfProxies.Any(request.Headers.ContainsKey):
                return null;
            default:
                return TypedResults.Problem(
                    "Whoever runs the service can set Training:Key; without a key, training is for services that listen on 127.0.0.1 alone, without a proxy.",
                    title: "Training is off here", statusCode: StatusCodes.Status403Forbidden);
        }
    }

    private bool HasKey(HttpRequest request) =>
        request.Headers.Authorization is [{ } given] && given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
        // Hashes have one length, and take as long to compare whatever is in them.
        && CryptographicOperations.FixedTimeEquals(Hash(given[Scheme.Length..].Trim()), Hash(settings.Value.Key!));

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    /// <summary>Names that are no address of this machine, '*' and sockets of files are not.</summary>
    private static bool IsThisMachine(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri)
        && (uri.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(uri.Host, out var host) && IPAddress.IsLoopback(host)));
}
