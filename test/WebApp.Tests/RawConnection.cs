using System.Net.Sockets;
using System.Text;

namespace WebApp.Tests;

/// <summary>A socket that sends what a well-behaved client does not.</summary>
internal sealed class RawConnection : IDisposable
{
    private readonly TcpClient _client = new();

    private RawConnection()
    {
    }

    public static async Task<RawConnection> Open(Uri address)
    {
        var connection = new RawConnection();
        await connection._client.ConnectAsync(address.Host, address.Port);
        return connection;
    }

    /// <summary>Opens one that sends lines and an empty one behind them.</summary>
    public static async Task<RawConnection> Send(Uri address, params string[] lines)
    {
        var connection = await Open(address);
        await connection._client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(string.Join("\r\n", lines) + "\r\n\r\n"));
        return connection;
    }

    /// <summary>The lines of the answer's head; null where the connection is closed without one.</summary>
    public async Task<string[]?> Head()
    {
        var head = new List<byte>();
        var one = new byte[1];
        while (head.Count < 4 || !head[^4..].SequenceEqual("\r\n\r\n"u8.ToArray()))
        {
            if (await Read(one) == 0)
                return null;
            head.Add(one[0]);
        }
        return Encoding.Latin1.GetString(head.ToArray()).TrimEnd().Split("\r\n");
    }

    /// <summary>The status of the answer; 0 where the connection is closed without one.</summary>
    public async Task<int> Status() => await Head() is { } head ? int.Parse(head[0].Split(' ')[1]) : 0;

    /// <summary>What comes until the other side closes.</summary>
    public async Task<string> Rest()
    {
        var text = new StringBuilder();
        var block = new byte[1 << 14];
        for (int read; (read = await Read(block)) > 0;)
            text.Append(Encoding.Latin1.GetString(block, 0, read));
        return text.ToString();
    }

    public void Dispose() => _client.Dispose();

    private async Task<int> Read(byte[] block)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try
        {
            return await _client.GetStream().ReadAsync(block, late.Token);
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
