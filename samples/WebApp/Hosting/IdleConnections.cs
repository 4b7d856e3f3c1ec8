using Microsoft.AspNetCore.Connections;

namespace WebApp.Hosting;

/// <summary>
/// Connections that ask nothing just now. Where there are too many, the one that has been silent for longest is closed: whoever opens connections and keeps
/// them takes no place from others.
/// </summary>
internal sealed class IdleConnections(int most)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<Place> _idle = [];

    /// <summary>A connection from its beginning to its end.</summary>
    public async Task Accept(ConnectionContext connection, Func<Task> next)
    {
        var place = new Place(connection);
        connection.Features.Set(place);
        Rest(place);
        try
        {
            await next();
        }
        finally
        {
            Work(place);
        }
    }

    /// <summary>A request: its connection is not idle.</summary>
    public async Task Serve(HttpContext context, RequestDelegate next)
    {
        var place = context.Features.Get<Place>();
        Work(place);
        try
        {
            await next(context);
        }
        finally
        {
            Rest(place);
        }
    }

    private void Rest(Place? place)
    {
        Place? oldest = null;
        lock (_lock)
        {
            // A connection of HTTP/2 has several requests.
            if (place is null || --place.Requests > 0)
                return;
            _idle.AddLast(place.Node);
            if (_idle.Count > most)
            {
                oldest = _idle.First!.Value;
                _idle.RemoveFirst();
            }
        }
        oldest?.Connection.Abort(new ConnectionAbortedException("Others need the place of this silent connection."));
    }

    private void Work(Place? place)
    {
        lock (_lock)
        {
            if (place is not null && ++place.Requests == 1 && place.Node.List is not null)
                _idle.Remove(place.Node);
        }
    }

    private sealed class Place
    {
        public Place(ConnectionContext connection)
        {
            Connection = connection;
            Node = new LinkedListNode<Place>(this);
        }

        public ConnectionContext Connection { get; }

        public LinkedListNode<Place> Node { get; }

        /// <summary>What is under way; the opening counts as one.</summary>
        public int Requests { get; set; } = 1;
    }
}
